/** The steps that a node is told to execute, and how they are written for it. The node decides nothing. */
import type { DataFilesystem } from "../cluster/config.ts";
import type { Finding } from "../errors.ts";
import { shellLine } from "../shell.ts";
import type { Firmware } from "../store/manifest.ts";
import type { DiskLayout } from "./disk-policy.ts";

/** Device paths; written with commas between. Two are the halves of a mirror. */
type Disks = readonly string[];

/**
 * Each kind is one function of the deploy environment's agent (templates/deploy). In this order:
 * clock, disks released, each system disk wiped and divided, the mirror made of both, filesystems, root streamed and
 * verified, data disks, node overlay applied in the target, host keys made and signed, bootloaders for both
 * firmwares, boot order, done.
 */
export type DeployStep =
  | { readonly kind: "set-clock" }
  /** Stops what is stacked on those disks that will be written, and nothing else. */
  | { readonly kind: "release-disks"; readonly disks: Disks }
  | { readonly kind: "wipe-disk"; readonly disk: string }
  | { readonly kind: "partition-disk"; readonly disk: string; readonly root: "plain" | "mirrored" }
  | { readonly kind: "make-mirror"; readonly disks: Disks }
  | { readonly kind: "make-filesystems"; readonly disks: Disks }
  | { readonly kind: "stream-root"; readonly sha256: string; readonly bytes: number }
  /** The target's mdadm learns which array is its own. */
  | { readonly kind: "name-mirror" }
  /** Of a wiped disk: one partition, one file system, one line of fstab. */
  | {
      readonly kind: "make-data-disk";
      readonly disk: string;
      readonly filesystem: DataFilesystem;
      readonly name: string;
      readonly mount: string;
    }
  /** Only a line of fstab; nothing is written to the device. */
  | {
      readonly kind: "keep-data-disk";
      readonly device: string;
      readonly uuid: string;
      readonly filesystem: string;
      readonly mount: string;
    }
  /** The plan's image layer, on a system that an installer made: packages come by its own apt. */
  | { readonly kind: "apply-image-layer"; readonly sha256: string; readonly bytes: number }
  /** What an installer leaves that no golden image has goes away. */
  | { readonly kind: "tidy-system" }
  | { readonly kind: "apply-overlay"; readonly sha256: string; readonly bytes: number }
  | { readonly kind: "sign-host-keys" }
  /** Both loaders are written; `firmware` is the one that this machine starts by, so that one must succeed. */
  | { readonly kind: "install-bootloader"; readonly disks: Disks; readonly firmware: Firmware }
  | { readonly kind: "set-boot-order"; readonly disks: Disks; readonly firmware: Firmware }
  /** The new system is loaded for kexec; where that fails the machine restarts through its firmware. */
  | { readonly kind: "load-system" }
  | { readonly kind: "unmount-target" }
  /** The installer makes a BIOS boot partition, an ESP and the root, in this order, on the wiped disk. */
  | { readonly kind: "installer-partitions"; readonly disk: string; readonly firmware: Firmware }
  | { readonly kind: "installer-base-system" }
  /** All that Ubuntu's installer does; how far it is, it reports itself. The same partitions. */
  | { readonly kind: "installer-system"; readonly disk: string; readonly firmware: Firmware }
  /** Kernel, GRUB and what the installer adds to them. */
  | { readonly kind: "installer-packages" }
  /** A rescue: sshd for this public key, from this address alone. */
  | { readonly kind: "open-rescue"; readonly key: string; readonly from: string };

/** Every kind, in the order of a deploy. The agent has one function for each. */
export const deployStepKinds = [
  "set-clock",
  "release-disks",
  "wipe-disk",
  "partition-disk",
  "make-mirror",
  "make-filesystems",
  "stream-root",
  "name-mirror",
  "make-data-disk",
  "keep-data-disk",
  "apply-overlay",
  "sign-host-keys",
  "install-bootloader",
  "set-boot-order",
  "unmount-target",
] as const satisfies readonly DeployStep["kind"][];

/** What a system's own installer does: it is told to the bastion as steps are, and no function of the agent's. */
export const installerStepKinds = [
  "installer-partitions",
  "installer-base-system",
  "installer-packages",
  "installer-system",
] as const satisfies readonly DeployStep["kind"][];

/** What some deploys, installers and every rescue have beside these. */
export const furtherStepKinds = [
  "load-system",
  "apply-image-layer",
  "tidy-system",
  "open-rescue",
] as const satisfies readonly DeployStep["kind"][];

export type DeployPlan =
  | { readonly kind: "deploy"; readonly layout: DiskLayout; readonly steps: readonly DeployStep[] }
  | { readonly kind: "refuse"; readonly findings: readonly Finding[] };

/**
 * The answer to an inventory: one step per line, `<kind> key=value …`, each a word of POSIX sh.
 * The agent reads it with `eval "set -- $line"`.
 */
export function renderSteps(steps: readonly DeployStep[]): string {
  return steps
    .map(({ kind, ...parameters }) => {
      const words = Object.entries(parameters).map(([key, value]) => `${key}=${value}`);
      return `${shellLine([kind, ...words])}\n`;
    })
    .join("");
}
