/** Disks for the tests of disk policy. Touches no disk. */
import type { Disk, Filesystem } from "../plan/inventory.ts";

export const gibibyte = 1024 ** 3;

export function disk(path: string, changes: Partial<Disk> = {}): Disk {
  return {
    path,
    bytes: 100 * gibibyte,
    model: "Samsung PM9A3",
    serial: `S-${path.slice(5)}`,
    wwn: `eui.${path.slice(5)}`,
    idPaths: [`pci-0000:01:00.0-${path.slice(5)}`],
    isRemovable: false,
    isReadOnly: false,
    transport: "nvme",
    signatures: [],
    filesystems: [],
    ...changes,
  };
}

export function filesystem(device: string, changes: Partial<Filesystem> = {}): Filesystem {
  return { device, type: "ext4", uuid: `5eed-${device.slice(5)}`, partitionName: "", ...changes };
}
