/** Puts a backup's files in place: whole or not at all, whenever it is killed. A door to the disk. */
import { chmod, mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { syncPath, writeSynced } from "../durable-file.ts";
import { describeError, ImagectlError } from "../errors.ts";
import type { TarEntry } from "../tar.ts";
import type { About } from "./contents.ts";

/** Where what was there before goes, beside its old place. */
export function asideOf(path: string, stamp: string): string {
  return `${path}.before-restore-${stamp}`;
}

/** @returns whether there is nothing that a restore would hide. @throws ImagectlError RESTORE_FAILED. */
export async function isEmptyFolder(directory: string): Promise<boolean> {
  return translated(directory, async () => {
    const names = await readdir(directory).catch(ignoreMissing);
    return names === undefined || names.length === 0;
  });
}

/**
 * Writes the state beside its place and on the disk. It becomes the state by `swapState`; until then nothing reads
 * it, and the next restore begins by removing it.
 * @returns the folder.
 * @throws ImagectlError RESTORE_FAILED.
 */
export async function stageState(
  directory: string,
  state: readonly TarEntry[],
  folders: About["folders"],
): Promise<string> {
  const staged = `${directory}.restoring`;
  return translated(directory, async () => {
    await rm(staged, { recursive: true, force: true });
    await mkdir(staged, { recursive: true, mode: 0o700 });
    for (const { path } of folders) await mkdir(join(staged, path), { recursive: true, mode: 0o700 });
    for (const { path, mode, content } of state) await writeSynced(join(staged, path), content, mode);
    // Last and deepest first: until then nobody else looks in.
    for (const { path, mode } of [...folders].reverse()) {
      if (path === ".") continue;
      await chmod(join(staged, path), mode);
      await syncPath(join(staged, path));
    }
    return staged;
  });
}

/**
 * One rename(2) makes the staged folder the state. What is in the way goes aside first; a kill between the two
 * leaves no state, and the same restore finishes it.
 * @returns where the old state is now; undefined when there was none.
 */
export async function swapState(
  staged: string,
  directory: string,
  { mode, stamp }: { readonly mode: number; readonly stamp: string },
): Promise<string | undefined> {
  return translated(directory, async () => {
    await chmod(staged, mode);
    await syncPath(staged);
    const isFree = await isEmptyFolder(directory);
    const aside = isFree ? undefined : asideOf(directory, stamp);
    if (aside !== undefined) await rename(directory, aside);
    await rename(staged, directory);
    await syncPath(dirname(directory));
    return aside;
  });
}

/** @returns paths of files that exist with other bytes. */
export async function findDiffering(folder: string, files: readonly TarEntry[]): Promise<string[]> {
  const differing: string[] = [];
  for (const { path, content } of files) {
    const there = await readFile(join(folder, path)).catch(ignoreMissing);
    if (there !== undefined && !there.equals(Buffer.from(content))) differing.push(join(folder, path));
  }
  return differing;
}

/**
 * Writes files where they are missing; one with other bytes goes aside first.
 * @returns where those are now.
 * @throws ImagectlError RESTORE_FAILED.
 */
export async function placeFiles(
  folder: string,
  files: readonly TarEntry[],
  stamp: string,
): Promise<string[]> {
  return translated(folder, async () => {
    const moved: string[] = [];
    for (const { path, mode, content } of files) {
      const target = join(folder, path);
      const there = await readFile(target).catch(ignoreMissing);
      if (there?.equals(Buffer.from(content))) continue;
      await mkdir(dirname(target), { recursive: true, mode: 0o755 });
      if (there !== undefined) {
        await rename(target, asideOf(target, stamp));
        moved.push(asideOf(target, stamp));
      }
      await writeSynced(`${target}.restoring`, content, mode);
      await rename(`${target}.restoring`, target);
      await syncPath(dirname(target));
    }
    return moved;
  });
}

/**
 * Writes a file of its owner alone, whole or not at all.
 * @throws ImagectlError BACKUP_UNWRITABLE.
 */
export async function writePrivateFile(path: string, bytes: Uint8Array): Promise<void> {
  const partial = `${path}.partial`;
  try {
    await writeSynced(partial, bytes, 0o600);
    await rename(partial, path);
    await syncPath(dirname(path));
  } catch (error) {
    await rm(partial, { force: true });
    throw new ImagectlError("BACKUP_UNWRITABLE", `cannot write ${path}: ${describeError(error)}`, {
      hint: `Is the folder there, and space in it? df -h ${dirname(path)}`,
      cause: error,
    });
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
  return undefined;
}

async function translated<Result>(directory: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ImagectlError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    const hint =
      code === "EBUSY" || code === "EXDEV"
        ? `${directory} is a file system of its own and cannot be renamed: unmount it, restore, then copy the result onto it and mount it again.`
        : `Nothing of the old state is lost. Look at the place: df -h ${dirname(directory)}; ls -ld ${directory}*`;
    throw new ImagectlError("RESTORE_FAILED", `cannot restore to ${directory}: ${describeError(error)}`, {
      hint,
      cause: error,
    });
  }
}
