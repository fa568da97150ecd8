/** A whole copy of an open database as one file, made while others read and write it. */
import { closeSync, fsyncSync, mkdtempSync, openSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describeError, ImagectlError } from "../errors.ts";

/** What a copy and a migration need of a connection of node:sqlite. */
export type Connection = {
  readonly isTransaction: boolean;
  exec(sql: string): void;
  prepare(sql: string): {
    all(...values: string[]): Record<string, unknown>[];
    run(...values: string[]): unknown;
  };
};

/**
 * Copies what is committed now, write-ahead log included (sqlite.org/lang_vacuum.html#vacuuminto). The copy is on
 * the disk before it has its name, and it is its maker's alone (mode 0600): plans and digests are in it.
 * @param target replaced when it exists.
 * @throws what SQLite throws, for a full disk for example; ImagectlError DATABASE_UNUSABLE for what is the file
 *   system's. No part of a copy is left then.
 */
export function copyDatabase(connection: Connection, target: string): void {
  const partial = `${target}.partial`;
  rmSync(partial, { force: true });
  const before = process.umask(0o077);
  try {
    connection.prepare("VACUUM INTO ?").run(partial);
    sync(partial);
    renameSync(partial, target);
    sync(dirname(target));
  } catch (error) {
    rmSync(partial, { force: true });
    if (error instanceof Error && "errcode" in error) throw error;
    const message = `cannot keep the database as it is in ${target}: ${describeError(error)}`;
    throw new ImagectlError("DATABASE_UNUSABLE", message, {
      hint: `Look at the place: ls -ld ${dirname(target)} ${target}; df -h ${dirname(target)}`,
      cause: error,
    });
  } finally {
    process.umask(before);
  }
}

/** @returns the bytes of such a copy; the file itself was there only for a moment, in a folder of its own. */
export function databaseBytes(connection: Connection): Buffer {
  const folder = mkdtempSync(join(tmpdir(), "imagectl-database-"));
  try {
    const target = join(folder, "copy.sqlite");
    copyDatabase(connection, target);
    return readFileSync(target);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function sync(path: string): void {
  const file = openSync(path, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
