/** Files that are whole or absent, whenever the power fails: the store's door to the disk. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { chmod, copyFile, mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { syncPath } from "../durable-file.ts";
import type { StoredBlob } from "./findings.ts";

/** Blobs and manifests are public: unprivileged artefact workers read them. */
const publicFile = 0o644;

/** Reading a file in pieces of this size, bytes. Larger ones hash no faster. */
const chunkBytes = 1 << 20;

/** @returns undefined when there is no such file. */
export async function hashFile(path: string): Promise<Required<StoredBlob> | undefined> {
  if (!(await exists(path))) return undefined;
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: chunkBytes })) {
    hash.update(chunk as Buffer);
    bytes += (chunk as Buffer).length;
  }
  return { bytes, sha256: hash.digest("hex") };
}

/** @returns undefined when there is no such file. */
export async function sizeOf(path: string): Promise<StoredBlob | undefined> {
  const found = await stat(path).catch(ignoreMissing);
  return found === undefined ? undefined : { bytes: found.size };
}

export async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(ignoreMissing)) !== undefined;
}

/** @returns undefined when there is no such file. */
export async function readIfThere(path: string): Promise<Buffer | undefined> {
  return readFile(path).catch(ignoreMissing);
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
  return undefined;
}

/**
 * Puts a file in place by rename(2), after its bytes and before its name are on disk.
 * @param scratch a path in the same file system.
 */
export async function placeFile(
  content: Uint8Array | string,
  scratch: string,
  target: string,
): Promise<void> {
  const file = await open(scratch, "w", publicFile);
  try {
    await file.writeFile(content);
  } finally {
    await file.close();
  }
  await settle(scratch, target);
}

/** As `placeFile`, with the content of another file, which goes away. It may be on another file system. */
export async function moveFile(source: string, scratch: string, target: string): Promise<void> {
  await rename(source, scratch).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== "EXDEV") throw error;
    await copyFile(source, scratch);
    await rm(source);
  });
  await settle(scratch, target);
}

async function settle(scratch: string, target: string): Promise<void> {
  await chmod(scratch, publicFile);
  await syncPath(scratch);
  await mkdir(dirname(target), { recursive: true, mode: 0o755 });
  await rename(scratch, target);
  await syncPath(dirname(target));
}
