/** What a system's own installer is given: from a plan and the catalogue to its answers and its packages. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { makeAutoinstall, makeUserData } from "../cloud-init/autoinstall.ts";
import { makePreseed } from "../cloud-init/preseed.ts";
import type { OsId } from "../cluster/config.ts";
import type { InstallerTurns } from "../deploy/plan-install.ts";
import { sha256 } from "../digest.ts";
import { ImagectlError } from "../errors.ts";
import { findDebian, findOperatingSystem, type OperatingSystem } from "../images/catalogue.ts";
import { environmentOf } from "../images/installer/installer-manifest.ts";
import { findInstaller } from "../images/installer/installers.ts";
import { packageRoot } from "../paths.ts";
import { buildOverlay } from "../plan/overlay.ts";
import type { ImagePlan, NodePlan } from "../plan/plan.ts";
import type { Nocloud } from "../pxe/http/installer-report-routes.ts";
import type { Firmware, Manifest } from "../store/manifest.ts";

/**
 * @returns the image layer with all packages of a golden image, but the kernel, which the installer chooses by name. What
 *   makes a system of Ubuntu's packages, its installer knows.
 */
export function installedLayer(image: ImagePlan): Promise<Uint8Array> {
  const packages = [...(turnsOf(image.os) === "ubuntu" ? [] : systemPackages(image.os)), ...image.packages];
  return buildOverlay({ ...image, name: "image", packages });
}

function systemPackages(id: OsId): readonly string[] {
  const os = findDebian(id);
  return [...os.basePackages, ...os.firmwarePackages];
}

export function turnsOf(os: OsId): InstallerTurns {
  return findInstaller(os) === undefined ? "debian" : "ubuntu";
}

/** @throws ImagectlError OS_UNKNOWN. */
export function preseedFor({ image, node }: NodePlan): string {
  const os = findDebian(image.os);
  const { proxy } = node.installer ?? {};
  return makePreseed({
    hostname: node.hostname,
    domain: node.domain,
    codename: os.codename,
    archives: archivesFor(os, node),
    proxy,
    // It has none of its own yet. With a proxy nobody is asked; without one the bastion may know.
    nameServers: [node.bastionAddress],
    kernelPackage: os.kernelPackage,
    components: image.components ?? [],
  });
}

/** Where the seed session of this boot is, and what a node's session fetches. */
export type UbuntuSession = { readonly seedUrl: string; readonly manifest: Manifest };

/**
 * The NoCloud seed, which cloud-init fetches before there is a session.
 * @throws ImagectlError IMAGE_DAMAGED.
 */
export async function nocloudFor({ node }: NodePlan, session: UbuntuSession): Promise<Nocloud> {
  const { hostname } = node;
  // Its own for each boot: cloud-init does nothing for an instance that it has seen.
  const metaData = { "instance-id": `${hostname}-${sha256(session.seedUrl).slice(0, 12)}` };
  return {
    metaData: `${JSON.stringify(metaData)}\n`,
    userData: makeUserData({ hostname, ...(await earlyPartOf(session)) }),
  };
}

/**
 * The document for this machine.
 * @param disk that of the steps.
 * @throws ImagectlError OS_UNKNOWN, ARM_REFUSED, IMAGE_DAMAGED.
 */
export async function autoinstallFor(
  { image, node }: NodePlan,
  session: UbuntuSession,
  { disk, firmware }: { readonly disk: string; readonly firmware: Firmware },
): Promise<string> {
  const { hostname, domain, mac, address, prefixLength } = node;
  if (mac === undefined) {
    throw new ImagectlError("ARM_REFUSED", `${hostname} is no machine that boots by the network`, {
      hint: `Give it a mac in the cluster file: nodes.${hostname}.mac`,
    });
  }
  const { proxy } = node.installer ?? {};
  return makeAutoinstall({
    ...{ hostname, domain, mac, address, prefixLength, proxy, disk },
    ...(await earlyPartOf(session)),
    nameServers: [node.bastionAddress],
    archives: archivesFor(findOperatingSystem(image.os), node),
    startsBy: firmware === "bios-x86" ? "bios" : "uefi",
  });
}

async function earlyPartOf({ seedUrl, manifest }: UbuntuSession) {
  const environment = environmentOf(manifest);
  if (environment === undefined) {
    throw new ImagectlError(
      "IMAGE_DAMAGED",
      `the installer of ${manifest.os} was stored without its environment`,
      {
        hint: `Bring it: sudo imagectl build --os ${manifest.os}; then: imagectl arm NODE`,
      },
    );
  }
  earlyCommand ??= readFile(join(packageRoot, "templates/installers/ubuntu/early-command.sh"), "utf8");
  return { seedUrl, environmentSha256: environment.sha256, earlyCommand: await earlyCommand };
}

/** Read once: what is told before the machine is known and after is the same. */
let earlyCommand: Promise<string> | undefined;

/** Where what is installed has its packages and its fixes: where the group says, or at its vendor's. */
function archivesFor({ id, archives }: OperatingSystem, { installer = {} }: NodePlan["node"]) {
  const [main, fixes] = archives;
  if (main === undefined || fixes === undefined) throw unknownArchives(id);
  return { main: installer.mirror ?? main.uri, security: installer.security ?? fixes.uri };
}

function unknownArchives(os: string): ImagectlError {
  return new ImagectlError("OS_UNKNOWN", `nothing is known of where ${os} has its packages and fixes`, {
    hint: "Set method: golden for its group",
  });
}
