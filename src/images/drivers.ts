/** Which drivers an initramfs must have, and whether it does. Pure. */
import { ImagectlError } from "../errors.ts";

/** Disk and network controllers of the servers that we promise, and of QEMU. */
export const requiredDrivers = [
  "ahci",
  "bnxt_en",
  "e1000e",
  "ext4",
  "i40e",
  "ice",
  "ixgbe",
  "megaraid_sas",
  "mlx5_core",
  "mpt3sas",
  "nls_ascii",
  "nvme",
  "sd_mod",
  "vfat",
  "virtio_blk",
  "virtio_net",
  "virtio_pci",
  "virtio_scsi",
  "vmd",
] as const;

/**
 * @param listing what `lsinitramfs` prints: one path a line.
 * @param builtin the kernel's modules.builtin: drivers that need no file.
 * @returns the required ones that are in neither, in their order.
 */
export function missingDrivers(required: readonly string[], listing: string, builtin: string): string[] {
  const present = new Set([...moduleNames(listing), ...moduleNames(builtin)]);
  return required.filter((driver) => !present.has(driver));
}

function moduleNames(paths: string): string[] {
  return [...paths.matchAll(/([^/\n]+)\.ko(?:\.(?:gz|xz|zst))?$/gm)].map(([, name = ""]) =>
    // modprobe(8): dashes and underscores are the same.
    name.replaceAll("-", "_"),
  );
}

/** @throws ImagectlError DRIVERS_MISSING. */
export function assertDrivers(
  initrd: string,
  required: readonly string[],
  listing: string,
  builtin: string,
): void {
  const missing = missingDrivers(required, listing, builtin);
  if (missing.length === 0) return;
  throw new ImagectlError("DRIVERS_MISSING", `${initrd} lacks ${missing.join(", ")}`, {
    hint: "Add them to templates/recipes/golden/initramfs-hook or templates/deploy/drivers, or use a full kernel package.",
  });
}
