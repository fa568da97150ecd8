/** Manifests of what was built: the contract with the server. Pure. */
import type { Artefact, BootEntry, Image, Manifest } from "../store/manifest.ts";
import { firmwares } from "../store/manifest.ts";
import type { PackageLock } from "./package-lock.ts";
import { imageKey } from "./recipe.ts";

export type BuiltImage = {
  readonly os: string;
  readonly planKey: string;
  readonly createdAt: Date;
  readonly lock: PackageLock;
  readonly artefacts: readonly Artefact[];
  /** Size of the unpacked root, bytes. */
  readonly rootBytes: number;
};

/** Names of the artefacts that a node boots by the network. */
export const bootNames = { kernel: "deploy-vmlinuz", initrd: "deploy-initrd.img" } as const;

/**
 * With this much a whole deployment was seen to end well; with half of it only the agent starts. MiB.
 * Measured: docs/decisions/golden-images.md.
 */
export const deployMinRamMiB = 512;

/** What the deploy environment reads from its command line: src/pxe/boot/command-line.ts fills in the braces. */
export const sessionArguments = [
  "imagectl.seed={seedUrl}",
  "imagectl.artefacts={artefactsUrl}",
  "imagectl.address={address}/{prefixLength}",
  "imagectl.mac={mac}",
] as const;

const deployCommandLine = [...sessionArguments, "{kernelArguments}"] as const;

/** Both firmwares boot the same kernel: iPXE passes it on. */
function bootEntries(): BootEntry[] {
  return firmwares.map((firmware) => ({
    firmware,
    kernel: bootNames.kernel,
    initrds: [bootNames.initrd],
    commandLine: [...deployCommandLine],
    minRamMiB: deployMinRamMiB,
  }));
}

/** Names of the artefacts that a node boots into its system's own installer. */
export const installerBootNames = {
  kernel: "installer-vmlinuz",
  initrd: "installer-initrd.img",
  /** Laid over the other by the kernel: the deploy environment in a folder, and what makes the installer call it. */
  environment: "installer-imagectl.img",
} as const;

/** Our choice: its initrd unpacks to 140 MB, ours to 60, and it keeps what it fetches in memory as well. MiB. */
export const installerMinRamMiB = 1024;

/**
 * Questions that are asked before the network is there; `url=` has the others answered by our file `fetch-url/imagectl`.
 * BOOTIF names the card, as PXELINUX does: netcfg(7) would ask which. Source: the installation guide, appendix B.2.
 */
export const installerCommandLine = [
  "auto=true",
  "priority=critical",
  "url=imagectl://bastion/preseed.cfg",
  "BOOTIF=01-{macWithHyphens}",
  "netcfg/get_hostname={hostname}",
  "netcfg/get_domain={domain}",
  // A cluster whose bastion is no router is a whole network.
  "netcfg/no_default_route=true",
  "netcfg/get_nameservers={bastionAddress}",
  ...deployCommandLine,
] as const;

/** Both firmwares boot the same kernel: iPXE passes it on. */
export function debianInstallerManifest(built: BuiltImage): Manifest {
  const boot = firmwares.map((firmware) => ({
    firmware,
    kernel: installerBootNames.kernel,
    initrds: [installerBootNames.initrd, installerBootNames.environment],
    commandLine: [...installerCommandLine],
    minRamMiB: installerMinRamMiB,
  }));
  return { ...manifestOf("installer", built), boot };
}

export function deployEnvironmentManifest(built: BuiltImage): Manifest {
  return { ...manifestOf("deploy-environment", built), boot: bootEntries() };
}

/** @returns a manifest that boots the deploy environment's kernel and initramfs: the same blobs. */
export function goldenManifest(built: BuiltImage, deployEnvironment: Image): Manifest {
  return withBoot(manifestOf("golden", built), deployEnvironment);
}

/** @returns the manifest with the boot entries of a deploy environment instead of those that it had. */
export function withBoot(manifest: Manifest, deployEnvironment: Image): Manifest {
  const boot = bootArtefacts(deployEnvironment);
  const own = manifest.artefacts.filter(({ name }) => !boot.some((artefact) => artefact.name === name));
  return { ...manifest, artefacts: [...own, ...boot], boot: deployEnvironment.manifest.boot };
}

export function bootsBy(manifest: Manifest, deployEnvironment: Image): boolean {
  return bootArtefacts(deployEnvironment).every((wanted) =>
    manifest.artefacts.some(({ name, sha256 }) => name === wanted.name && sha256 === wanted.sha256),
  );
}

function bootArtefacts(deployEnvironment: Image): Artefact[] {
  const names: readonly string[] = Object.values(bootNames);
  return deployEnvironment.manifest.artefacts.filter(({ name }) => names.includes(name));
}

function manifestOf(kind: Manifest["kind"], built: BuiltImage): Manifest {
  const { os, planKey, createdAt, lock, artefacts, rootBytes } = built;
  return {
    schema: 1,
    kind,
    os,
    arch: "amd64",
    planKey,
    key: imageKey(planKey, lock),
    createdAt: createdAt.toISOString(),
    artefacts: [...artefacts],
    boot: [],
    rootBytes,
  };
}
