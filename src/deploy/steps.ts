/** The steps that a node is told to execute, and how they are written for it. The node decides nothing. */
import type { Finding } from "../errors.ts";
import type { Disk } from "../plan/inventory.ts";
import { shellLine } from "../shell.ts";
import type { Firmware } from "../store/manifest.ts";

/**
 * Each kind is one function of the deploy environment's agent (templates/deploy). In this order:
 * clock, disks released, one disk wiped, partitions, filesystems, root streamed and verified, node overlay
 * applied in the target, host keys made and signed, bootloaders for both firmwares, boot order, done.
 */
export type DeployStep =
  | { readonly kind: "set-clock" }
  | { readonly kind: "release-disks" }
  | { readonly kind: "wipe-disk"; readonly disk: string }
  | { readonly kind: "partition-disk"; readonly disk: string }
  | { readonly kind: "make-filesystems"; readonly disk: string }
  | { readonly kind: "stream-root"; readonly sha256: string; readonly bytes: number }
  | { readonly kind: "apply-overlay"; readonly sha256: string; readonly bytes: number }
  | { readonly kind: "sign-host-keys" }
  /** Both loaders are written; `firmware` is the one that this machine starts by, so that one must succeed. */
  | { readonly kind: "install-bootloader"; readonly disk: string; readonly firmware: Firmware }
  | { readonly kind: "set-boot-order"; readonly disk: string; readonly firmware: Firmware }
  | { readonly kind: "unmount-target" };

/** Every kind, in the order of a deploy. The agent has one function for each. */
export const deployStepKinds = [
  "set-clock",
  "release-disks",
  "wipe-disk",
  "partition-disk",
  "make-filesystems",
  "stream-root",
  "apply-overlay",
  "sign-host-keys",
  "install-bootloader",
  "set-boot-order",
  "unmount-target",
] as const satisfies readonly DeployStep["kind"][];

export type DeployPlan =
  | { readonly kind: "deploy"; readonly disk: Disk; readonly steps: readonly DeployStep[] }
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
