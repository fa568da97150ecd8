/** The version that a kernel file for x86 says of itself (Linux's Documentation/arch/x86/boot.rst). Pure. */

/** The version's text may begin up to here, bytes: it is named by an offset of 16 bits from 0x200. */
export const kernelHeadBytes = 0x200 + 0x10000 + 128;

/**
 * @param head the first `kernelHeadBytes` of the file.
 * @returns `5.15.0-119-generic`; undefined for what is no such kernel.
 */
export function kernelVersion(head: Uint8Array): string | undefined {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.length);
  if (bytes.length < 0x210 || bytes.toString("latin1", 0x202, 0x206) !== "HdrS") return undefined;
  const at = bytes.readUInt16LE(0x20e) + 0x200;
  return /^[0-9]+\.[0-9][^\s\0]*/.exec(bytes.toString("latin1", at, at + 128))?.[0];
}
