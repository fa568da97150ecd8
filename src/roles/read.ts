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
  const entries = await readdir(root.directory, { withFileTypes: true }).catch(unlessMissing(root));
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return Promise.all(
    names.sort().map(async (name) => ({
      name,
      source: `${root.shownAs}/${name}`,
      files: await readFiles(join(root.directory, name)),
    })),
  );
}

function unlessMissing(root: RoleRoot) {
  return (error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw new ImagectlError(
      "ROLE_FOLDER_INVALID",
      `cannot read the roles in ${root.shownAs}: ${error.message}`,
      {
        hint: `It must be a directory that this user may read: ls -ld ${root.shownAs}`,
        cause: error,
      },
    );
  };
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
