/** The door to role folders on disk: what lies in them, unjudged. */
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { ImagectlError } from "../errors.ts";
import { makeCatalogue } from "./catalogue.ts";
import type { FolderFile, RoleFolder } from "./folder.ts";
import type { RoleCatalogue } from "./role.ts";

/** A folder of role folders. */
export type RoleRoot = {
  readonly directory: string;
  /** How messages name it: `templates/roles`, or the path that the operator typed. */
  readonly shownAs: string;
};

/**
 * Reads ours and the operator's roles.
 * @param roots later ones win: a role of the same name replaces the earlier one whole.
 *   A root that does not exist has no roles.
 */
export async function readRoleCatalogue(roots: readonly RoleRoot[]): Promise<RoleCatalogue> {
  return makeCatalogue(await Promise.all(roots.map(readRoot)));
}

async function readRoot(root: RoleRoot): Promise<readonly RoleFolder[]> {
  try {
    const names = await readdir(root.directory);
    const folders = names
      .filter((name) => !name.startsWith("."))
      .sort()
      .map(async (name) => {
        const folder = join(root.directory, name);
        // stat follows links: a role that is kept elsewhere and linked in is a role.
        if (!(await stat(folder)).isDirectory()) return [];
        return [{ name, source: `${root.shownAs}/${name}`, files: await readFiles(folder) }];
      });
    return (await Promise.all(folders)).flat();
  } catch (error) {
    const { code, path, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" && path === root.directory) return [];
    throw new ImagectlError("ROLE_FOLDER_INVALID", `cannot read the roles in ${root.shownAs}: ${message}`, {
      hint: `It must be a directory of directories that this user may read: ls -lR ${root.shownAs}`,
      cause: error,
    });
  }
}

async function readFiles(folder: string): Promise<FolderFile[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => !entry.isDirectory())
    .map(async (entry): Promise<FolderFile> => {
      const full = join(entry.parentPath, entry.name);
      const path = full.slice(folder.length + 1);
      if (!entry.isFile()) {
        return {
          path,
          kind: entry.isSymbolicLink() ? "symlink" : "other",
          text: undefined,
          isExecutable: false,
        };
      }
      const [bytes, status] = await Promise.all([readFile(full), stat(full)]);
      return { path, kind: "file", text: decode(bytes), isExecutable: (status.mode & 0o100) !== 0 };
    });
  return (await Promise.all(files)).sort((left, right) => (left.path < right.path ? -1 : 1));
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
