/** iPXE for firmware that has none: which file each firmware gets by TFTP, read once when the server starts. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ImagectlError } from "../../errors.ts";
import type { Firmware } from "../../store/manifest.ts";

/** Where distributions' package `ipxe` puts its files. */
export const ipxeDirectory = "/usr/lib/ipxe";

/**
 * The file of each firmware. BIOS: undionly uses the ROM's own network driver. UEFI: snponly does the same;
 * docs/boot-flow.md has the figures that it was chosen by.
 */
export const chainloadNames: Readonly<Record<Firmware, string>> = {
  "bios-x86": "undionly.kpxe",
  "uefi-x64": "snponly.efi",
};

export type ChainloadFile = {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** The largest TFTP block, in bytes, that this firmware is known to take. */
  readonly maxBlockBytes: number;
};

/**
 * 1468 fills an Ethernet frame (1500 less IP 20, UDP 8, TFTP 4); QEMU's UEFI has failed above 1024.
 */
const maxBlockBytes: Readonly<Record<Firmware, number>> = { "bios-x86": 1468, "uefi-x64": 1024 };

/** @throws ImagectlError IPXE_MISSING when the directory lacks one of the files. */
export function readChainloadFiles(directory: string): readonly ChainloadFile[] {
  return (Object.keys(chainloadNames) as Firmware[]).map((firmware) => {
    const name = chainloadNames[firmware];
    try {
      const bytes = readFileSync(join(directory, name));
      return { name, bytes, maxBlockBytes: maxBlockBytes[firmware] };
    } catch (cause) {
      throw new ImagectlError("IPXE_MISSING", `${join(directory, name)} cannot be read`, {
        hint: "Install it: apt-get install ipxe",
        cause,
      });
    }
  });
}
