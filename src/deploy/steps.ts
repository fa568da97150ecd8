/** The steps that a node is told to execute. The node decides nothing. */
import type { Finding } from "../errors.ts";
import type { Disk } from "../plan/inventory.ts";
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
  | { readonly kind: "install-bootloader"; readonly disk: string; readonly firmware: Firmware }
  | { readonly kind: "set-boot-order"; readonly firmware: Firmware }
  | { readonly kind: "unmount-target" };

export type DeployPlan =
  | { readonly kind: "deploy"; readonly disk: Disk; readonly steps: readonly DeployStep[] }
  | { readonly kind: "refuse"; readonly findings: readonly Finding[] };
