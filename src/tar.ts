/** Deterministic tar: equal entries, equal bytes, whatever their order, the day or the machine. */
import { extract, pack } from "tar-stream";
import { ImagectlError } from "./errors.ts";

/** A regular file of an archive. Archives of ours hold nothing else: tar makes the folders on its way. */
export type TarEntry = {
  /** Relative, without `.` and `..`: `root/etc/hosts`. */
  readonly path: string;
  /** Permission bits, e.g. 0o644. */
  readonly mode: number;
  readonly content: string | Uint8Array;
};

const epoch = new Date(0);

/**
 * Packs files into a ustar archive (pax headers only where a path is too long for ustar): sorted by path,
 * owned by root, modified at the epoch.
 * @throws ImagectlError TAR_INVALID for a path that is absolute, leaves the archive or is there twice.
 */
export async function packTar(entries: readonly TarEntry[]): Promise<Uint8Array> {
  const sorted = [...entries].sort((left, right) => (left.path < right.path ? -1 : 1));
  for (const [index, entry] of sorted.entries()) {
    checkPath(entry.path);
    if (sorted[index + 1]?.path === entry.path) throw invalid(`${entry.path} is in it twice`);
  }
  const archive = pack();
  for (const { path, mode, content } of sorted) {
    const bytes = typeof content === "string" ? Buffer.from(content) : Buffer.from(content);
    archive.entry(
      { name: path, mode, mtime: epoch, uid: 0, gid: 0, uname: "root", gname: "root", size: bytes.length },
      bytes,
    );
  }
  archive.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of archive) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

/**
 * Reads back what packTar wrote.
 * @throws ImagectlError TAR_INVALID when the bytes are no such archive: cut short, a link, an unsafe path.
 */
export async function unpackTar(bytes: Uint8Array): Promise<TarEntry[]> {
  const archive = extract();
  archive.end(Buffer.from(bytes));
  const entries: TarEntry[] = [];
  try {
    for await (const entry of archive) {
      const { name, type, mode } = entry.header;
      if (type !== "file") throw invalid(`${name} is a ${type}, and only files are read`);
      checkPath(name);
      const chunks: Uint8Array[] = [];
      for await (const chunk of entry) chunks.push(chunk as Uint8Array);
      entries.push({ path: name, mode: mode ?? 0o644, content: Buffer.concat(chunks) });
    }
  } catch (error) {
    if (error instanceof ImagectlError) throw error;
    throw invalid(error instanceof Error ? error.message : String(error), error);
  }
  return entries;
}

function checkPath(path: string): void {
  const parts = path.split("/");
  if (parts.some((part) => part === "" || part === "." || part === "..") || path.includes("\0")) {
    throw invalid(`${JSON.stringify(path)} is no relative path below the archive's root`);
  }
}

function invalid(message: string, cause?: unknown): ImagectlError {
  return new ImagectlError("TAR_INVALID", `not an archive of ours: ${message}`, {
    hint: "Look into it with: tar -tvf FILE",
    cause,
  });
}
