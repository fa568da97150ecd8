/** The manifest of an installer: its ISO, kernel and initrd, and how a node will boot them. Pure. */
import { digestOf, type Sha256 } from "../../digest.ts";
import { type Artefact, type BootEntry, firmwares, type Manifest } from "../../store/manifest.ts";
import { sessionArguments } from "../manifests.ts";
import { installerCommandLine } from "./command-line.ts";
import type { Wanted } from "./identity.ts";
import { neededRamMiB } from "./installers.ts";

/** Names of the artefacts that a node boots; the ISO keeps its official name. */
export const installerNames = {
  kernel: "installer-vmlinuz",
  initrd: "installer-initrd.img",
  /** The deploy environment as a folder in a tar, which the session fetches: an ISO can be stored before there is one. */
  environment: "installer-environment.tar.gz",
} as const;

/** @returns what all ISOs of one system have in common: of each, the newest is the one that counts. */
export function installerPlanKey({ installer, architecture }: Wanted): Sha256 {
  return digestOf({ kind: "installer", os: installer.os, architecture });
}

/** @returns the ISO among an installer's artefacts. */
export function isoOf({ artefacts }: Pick<Manifest, "artefacts">): Artefact | undefined {
  return artefacts.find(({ name }) => name.endsWith(".iso"));
}

/** @returns undefined for an ISO that was stored without what a node needs to be installed from it. */
export function environmentOf({ artefacts }: Pick<Manifest, "artefacts">): Artefact | undefined {
  return artefacts.find(({ name }) => name === installerNames.environment);
}

/** @returns whether a node can be booted into it: an ISO alone is not enough. */
export function isInstallable(manifest: Pick<Manifest, "artefacts">): boolean {
  return isoOf(manifest) === undefined || environmentOf(manifest) !== undefined;
}

/** @param given the ISO, and those of `installerNames`. */
export function installerManifest(wanted: Wanted, given: readonly Artefact[], createdAt: Date): Manifest {
  const artefacts = [...given];
  const { os } = wanted.installer;
  const planKey = installerPlanKey(wanted);
  const iso = isoOf({ artefacts });
  if (iso === undefined) throw new Error(`the installer ${os} has no ISO`);
  const boot = bootEntries(wanted, iso);
  return {
    schema: 1,
    kind: "installer",
    os,
    arch: wanted.architecture,
    planKey,
    key: digestOf({ planKey, iso: iso.sha256, environment: environmentOf({ artefacts })?.sha256, boot }),
    createdAt: createdAt.toISOString(),
    artefacts,
    boot,
    rootBytes: 0,
  };
}

/** Its address ends in its name, as casper wants it. BOOTIF names the card that asks for an address (initramfs-tools(7)). */
function bootEntries({ installer }: Wanted, iso: Artefact): BootEntry[] {
  const commandLine = installerCommandLine(installer, {
    isoUrl: `{artefactsUrl}/${iso.sha256}/${iso.name}`,
    seedUrl: "{seedUrl}/",
    sessionArguments: ["BOOTIF=01-{macWithHyphens}", ...sessionArguments],
    targetArguments: ["{kernelArguments}"],
  });
  return firmwares.map((firmware) => ({
    firmware,
    kernel: installerNames.kernel,
    initrds: [installerNames.initrd],
    commandLine: [...commandLine],
    minRamMiB: neededRamMiB(installer, iso.bytes),
  }));
}
