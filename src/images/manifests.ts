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
const deployCommandLine = [
  "imagectl.seed={seedUrl}",
  "imagectl.artefacts={artefactsUrl}",
  "imagectl.address={address}/{prefixLength}",
  "imagectl.mac={mac}",
  "{kernelArguments}",
] as const;

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
