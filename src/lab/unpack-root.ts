/** An image's root filesystem unpacked once and kept: the read-only lower layer of every boot in namespaces. */
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Sha256 } from "../digest.ts";
import { run } from "../run.ts";

/**
 * Unpacks `root.tar.zst` to `<cache>/roots/<sha256>` unless it is there. Half an unpacking is never left under
 * that name, and two at once do no harm: the first to finish wins.
 * @returns the folder. It must never be written to.
 * @throws ImagectlError COMMAND_FAILED when the archive is damaged or the disk full.
 */
export async function unpackRoot(archive: string, sha256: Sha256, cache: string): Promise<string> {
  const folder = join(cache, "roots", sha256);
  if (existsSync(folder)) return folder;
  const partial = `${folder}.${process.pid}`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  const ownership = ["--numeric-owner", "--same-owner", "--same-permissions"];
  await run("tar", ["--zstd", "-xf", archive, "-C", partial, "--xattrs", "--xattrs-include=*", ...ownership]);
  if (existsSync(folder)) rmSync(partial, { recursive: true, force: true });
  else renameSync(partial, folder);
  return folder;
}
