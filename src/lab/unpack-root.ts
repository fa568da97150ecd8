/** An image's root filesystem unpacked once and kept: the read-only lower layer of every boot in namespaces. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import type { Sha256 } from "../digest.ts";
import { run } from "../run.ts";

export type UnpackRequest = {
  /** `root.tar.zst`. */
  readonly archive: string;
  readonly sha256: Sha256;
  readonly cache: string;
  readonly now: Date;
};

/** How long a root that nobody asked for is kept. Milliseconds: a day, longer than any boot from it. */
const keptForMs = 86_400_000;

/**
 * Unpacks to `<cache>/roots/<sha256>` unless it is there. Half an unpacking is never left under that name, and
 * two at once do no harm: the first to finish wins. Roots of older images go after a day.
 * @returns the folder. It must never be written to.
 * @throws ImagectlError COMMAND_FAILED when the archive is damaged or the disk full.
 */
export async function unpackRoot({ archive, sha256, cache, now }: UnpackRequest): Promise<string> {
  const roots = join(cache, "roots");
  const folder = join(roots, sha256);
  if (!existsSync(folder)) {
    removeUnused(roots, now);
    const partial = `${folder}.${process.pid}`;
    mkdirSync(partial, { recursive: true });
    const ownership = ["--numeric-owner", "--same-owner", "--same-permissions"];
    const attributes = ["--xattrs", "--xattrs-include=*"];
    await run("tar", ["--zstd", "-xf", archive, "-C", partial, ...attributes, ...ownership]);
    if (existsSync(folder)) rmSync(partial, { recursive: true, force: true });
    else renameSync(partial, folder);
  }
  utimesSync(folder, now, now);
  return folder;
}

function removeUnused(roots: string, now: Date): void {
  mkdirSync(roots, { recursive: true });
  for (const name of readdirSync(roots)) {
    const folder = join(roots, name);
    if (now.getTime() - statSync(folder).mtimeMs > keptForMs)
      rmSync(folder, { recursive: true, force: true });
  }
}
