/** Reads folders into archive entries: a door to the disk. */
import { readdir, readFile, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { describeError, ImagectlError } from "../errors.ts";
import type { TarEntry } from "../tar.ts";

export type ReadFolder = {
  readonly files: readonly TarEntry[];
  /** The folder itself is `.`. */
  readonly folders: readonly { readonly path: string; readonly mode: number }[];
};

/**
 * Reads every file below a folder, and what links there lead to; sockets and devices are nothing to keep.
 * @param isWanted by relative path; a folder that is not is not entered.
 * @returns nothing when there is no such folder.
 * @throws ImagectlError STATE_UNREADABLE.
 */
export async function readFolder(
  directory: string,
  isWanted: (path: string) => boolean,
): Promise<ReadFolder> {
  const files: TarEntry[] = [];
  const folders: { path: string; mode: number }[] = [];
  const visit = async (path: string): Promise<void> => {
    const found = await stat(path);
    const mode = found.mode & 0o777;
    const name = relative(directory, path);
    if (found.isFile()) files.push({ path: name, mode, content: await readFile(path) });
    if (!found.isDirectory()) return;
    folders.push({ path: name === "" ? "." : name, mode });
    for (const child of (await readdir(path)).sort()) {
      const childPath = join(path, child);
      if (isWanted(relative(directory, childPath))) await visit(childPath);
    }
  };
  try {
    await visit(directory);
  } catch (error) {
    if (folders.length === 0 && (error as NodeJS.ErrnoException).code === "ENOENT") return { files, folders };
    throw new ImagectlError("STATE_UNREADABLE", `cannot read ${directory}: ${describeError(error)}`, {
      hint: "Keys and secrets belong to root: run it with sudo.",
      cause: error,
    });
  }
  return { files, folders };
}
