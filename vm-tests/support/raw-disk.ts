/** Disks of a machine that is off, looked into from outside: as files, without mounting anything. */
import { createHash } from "node:crypto";
import { closeSync, createReadStream, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../src/run.ts";

const mebibyte = 1024 ** 2;

/** Where sfdisk lets the first partition begin. Bytes. */
export const firstPartition = mebibyte;

export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 4 * mebibyte })) hash.update(chunk);
  return hash.digest("hex");
}

/** Makes an ext4 on a whole disk, with one file in its root. */
export async function makeExt4(path: string, fileName: string, text: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "imagectl-ext4-"));
  writeFileSync(join(folder, fileName), text);
  await run("mke2fs", ["-q", "-F", "-t", "ext4", "-d", folder, path]);
  rmSync(folder, { recursive: true });
}

/** Writes a file into the ext4 of the first partition. */
export async function writeIntoExt4(path: string, fileName: string, text: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "imagectl-ext4-"));
  writeFileSync(join(folder, fileName), text);
  const order = `write ${join(folder, fileName)} ${fileName}`;
  await run("debugfs", ["-w", "-R", order, `${path}?offset=${firstPartition}`]);
  rmSync(folder, { recursive: true });
}

/** @returns the text of a file in the ext4 of the first partition; empty when it is not there. */
export async function readFromExt4(path: string, fileName: string): Promise<string> {
  return (await run("debugfs", ["-R", `cat ${fileName}`, `${path}?offset=${firstPartition}`])).stdout;
}

/** The superblock of the XFS in the first partition. Source: xfs_db(8), `sb_magicnum` at 0, `sb_uuid` at 32. */
export function readXfs(path: string): { readonly magic: string; readonly uuid: string } {
  const block = Buffer.alloc(48);
  const file = openSync(path, "r");
  readSync(file, block, 0, block.length, firstPartition);
  closeSync(file);
  return { magic: block.toString("latin1", 0, 4), uuid: block.toString("hex", 32) };
}
