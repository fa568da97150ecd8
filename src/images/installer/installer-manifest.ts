/** The manifest of an installer: its ISO, kernel and initrd, and how a node will boot them. Pure. */
import { digestOf, type Sha256 } from "../../digest.ts";
import { type Artefact, type BootEntry, firmwares, type Manifest } from "../../store/manifest.ts";
import { installerCommandLine } from "./command-line.ts";
import type { Wanted } from "./identity.ts";
import { neededRamMiB } from "./installers.ts";

/** Names of the artefacts that a node boots; the ISO keeps its official name. */
export const installerNames = { kernel: "installer-vmlinuz", initrd: "installer-initrd.img" } as const;

/** @returns what all ISOs of one system have in common: of each, the newest is the one that counts. */
export function installerPlanKey({ installer, architecture }: Wanted): Sha256 {
  return digestOf({ kind: "installer", os: installer.os, architecture });
}

/** @returns the ISO among an installer's artefacts. */
export function isoOf({ artefacts }: Pick<Manifest, "artefacts">): Artefact | undefined {
  return artefacts.find(({ name }) => name.endsWith(".iso"));
}

/** @param artefacts the ISO, and those of `installerNames`. */
export function installerManifest(wanted: Wanted, artefacts: readonly Artefact[], createdAt: Date): Manifest {
  const { os } = wanted.installer;
  const planKey = installerPlanKey(wanted);
  const iso = isoOf({ artefacts: [...artefacts] });
  if (iso === undefined) throw new Error(`the installer ${os} has no ISO`);
  const boot = bootEntries(wanted, iso);
  return {
    schema: 1,
    kind: "installer",
    os,
    arch: wanted.architecture,
    planKey,
    key: digestOf({ planKey, iso: iso.sha256, boot }),
    createdAt: createdAt.toISOString(),
    artefacts: [...artefacts],
    boot,
    rootBytes: 0,
  };
}

/** Its name ends in `.iso` as casper wants it, so the server will have to give it by its name, not by its digest. */
function bootEntries({ installer }: Wanted, iso: Artefact): BootEntry[] {
  const commandLine = installerCommandLine(installer, {
    isoUrl: `{filesUrl}/${iso.name}`,
    seedUrl: "{seedUrl}/",
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
