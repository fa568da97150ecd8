/** What a node reports of itself, and the steps that it is told to execute. The node decides nothing. */
import type { Finding } from "../errors.ts";
import type { Firmware } from "../store/manifest.ts";

export type Disk = {
  /** Kernel name: `/dev/nvme0n1`. */
  readonly path: string;
  readonly bytes: number;
  readonly model: string;
  readonly serial: string;
  readonly wwn: string;
  /** Names under /dev/disk/by-path, without the folder. */
  readonly idPaths: readonly string[];
  readonly isRemovable: boolean;
  readonly isReadOnly: boolean;
  /** lsblk TRAN: nvme, sata, sas, usb, virtio or empty. */
  readonly transport: string;
  /** What blkid finds on it and its partitions: ext4, LVM2_member … */
  readonly signatures: readonly string[];
};

export type Inventory = {
  readonly firmware: Firmware;
  readonly memoryMiB: number;
  readonly cpus: number;
  readonly product: string;
  readonly serial: string;
  readonly disks: readonly Disk[];
  readonly nics: readonly { readonly name: string; readonly mac: string; readonly hasCarrier: boolean }[];
};

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
