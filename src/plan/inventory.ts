/** What a node reports of itself from the deploy environment. */
import type { Firmware } from "../store/manifest.ts";

/** A file system that lies on a disk or on one of its partitions. */
export type Filesystem = {
  /** Kernel name of what holds it: `/dev/sdb1`. */
  readonly device: string;
  /** As blkid names it: ext4, xfs, vfat … */
  readonly type: string;
  readonly uuid: string;
  /** GPT name of the partition; empty where there is none. */
  readonly partitionName: string;
};

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
  /** Those that a file system table can name: with a UUID, and not inside an array or volume group. */
  readonly filesystems: readonly Filesystem[];
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
