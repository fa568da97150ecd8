/** The primary volume descriptor of an ISO 9660 image (ECMA-119, 4th edition, section 8.4). Pure. */

/** Where it begins, bytes: sixteen sectors of 2048 bytes belong to boot code and partition tables (section 6.2.1). */
export const volumeOffset = 16 * 2048;

/** Of one sector, bytes. */
export const volumeBytes = 2048;

export type Volume = {
  /** Section 8.4.8: `Ubuntu-Server 22.04.5 LTS amd64`. */
  readonly id: string;
  /** Of the whole file system, bytes: volume space size times logical block size (8.4.10 and 8.4.14). */
  readonly bytes: number;
};

/**
 * @param sector the 2048 bytes at `volumeOffset`, or fewer where the file ends.
 * @returns undefined when they are no volume descriptor.
 */
export function parseVolume(sector: Uint8Array): Volume | undefined {
  if (sector.length < volumeBytes) return undefined;
  const bytes = Buffer.from(sector.buffer, sector.byteOffset, sector.length);
  // Type 1 is the primary one, CD001 the standard identifier, 1 its version.
  if (bytes.toString("latin1", 0, 7) !== "\x01CD001\x01") return undefined;
  const blocks = bytes.readUInt32LE(80);
  const blockBytes = bytes.readUInt16LE(128);
  return { id: bytes.toString("latin1", 40, 72).trim(), bytes: blocks * blockBytes };
}

const signatures: readonly (readonly [at: number, bytes: string, what: string])[] = [
  [0, "\x1f\x8b", "gzip"],
  [0, "\xfd7zXZ", "xz"],
  [0, "\x28\xb5\x2f\xfd", "Zstandard"],
  [0, "PK\x03\x04", "a ZIP archive"],
  [0, "QFI\xfb", "a disk image of QEMU"],
  [257, "ustar", "a tar archive"],
];

/** @param head the first bytes of a file, 512 are enough. @returns what it is instead, where that can be seen. */
export function sniff(head: Uint8Array): string | undefined {
  const text = Buffer.from(head).toString("latin1");
  if (text === "") return "empty";
  if (/^\s*<(!doctype|html)/i.test(text)) return "a web page";
  return signatures.find(([at, bytes]) => text.startsWith(bytes, at))?.[2];
}
