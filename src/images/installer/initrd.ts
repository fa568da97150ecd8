/** Reads files out of an initrd: uncompressed cpio archives, then mostly a compressed one. Pure. */
import { gunzipSync, zstdDecompressSync } from "node:zlib";

/** What initrds of vendors have unpacked is 200 to 400 MB. More is none. Bytes. */
const mostBytes = 2 ** 30;

/** Of a header of the "newc" format, bytes: a magic number and thirteen fields of eight hex digits (cpio(5)). */
const headerBytes = 110;

const compressions: readonly (readonly [
  magic: string,
  name: string,
  unpack?: (bytes: Uint8Array) => Buffer,
])[] = [
  ["\x28\xb5\x2f\xfd", "zstd", (bytes) => zstdDecompressSync(bytes, { maxOutputLength: mostBytes })],
  ["\x1f\x8b", "gzip", (bytes) => gunzipSync(bytes, { maxOutputLength: mostBytes })],
  ["\x02\x21\x4c\x18", "lz4"],
  ["\xfd7zXZ", "xz"],
];

export type Initrd = {
  /** Of its last archive: `zstd`, `none`; undefined where it is of no kind that is known. */
  readonly compression: string | undefined;
  /** Those of the wanted files that are in it, by path. */
  readonly files: ReadonlyMap<string, Buffer>;
};

/** @param wanted paths without a leading `/`. @returns what could be read; a damaged part ends it. */
export function readInitrd(bytes: Uint8Array, wanted: readonly string[]): Initrd {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const files = new Map<string, Buffer>();
  const rest = buffer.subarray(readArchives(buffer, wanted, files));
  if (rest.length === 0) return { compression: "none", files };
  const head = rest.toString("latin1", 0, 8);
  const [, compression, unpack] = compressions.find(([magic]) => head.startsWith(magic)) ?? [];
  try {
    if (unpack !== undefined) readArchives(unpack(rest), wanted, files);
  } catch {
    return { compression: `${compression}, damaged`, files };
  }
  return { compression, files };
}

/** @returns where what follows begins: at the end, or at something that is no cpio archive. */
function readArchives(bytes: Buffer, wanted: readonly string[], files: Map<string, Buffer>): number {
  let at = 0;
  for (;;) {
    // Archives are padded with zeros.
    while (at < bytes.length && bytes[at] === 0) at += 1;
    if (!/^07070[12]/.test(bytes.toString("latin1", at, at + 6))) return at;
    const [nameBytes, contentBytes] = [hexField(bytes, at, 11), hexField(bytes, at, 6)];
    const nameEnd = at + headerBytes + nameBytes;
    const contentAt = aligned(nameEnd);
    if (!(contentAt + contentBytes <= bytes.length)) return bytes.length;
    const name = bytes.toString("utf8", at + headerBytes, nameEnd - 1).replace(/^\.?\//, "");
    if (wanted.includes(name)) files.set(name, bytes.subarray(contentAt, contentAt + contentBytes));
    at = aligned(contentAt + contentBytes);
  }
}

/** Fields count from 0: 6 is the size of the content, 11 that of the name with its zero. */
function hexField(bytes: Buffer, at: number, field: number): number {
  const from = at + 6 + field * 8;
  return Number.parseInt(bytes.toString("latin1", from, from + 8), 16);
}

function aligned(offset: number): number {
  return Math.ceil(offset / 4) * 4;
}
