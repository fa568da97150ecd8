/** Brings a database's schema up to date: numbered migrations, each whole or not at all, after a copy was kept. */
import { ImagectlError } from "../errors.ts";
import { type Connection, copyDatabase } from "./copy-database.ts";

/**
 * Applies what is missing. The version is SQLite's own `user_version`, written in the transaction of the migration
 * that leads to it: a kill at any moment leaves one version or the next.
 *
 * Before the first of them the old file is copied to `<path>.v<old version>`, so that the program from before the
 * upgrade has something to go back to. We never remove it.
 * @param path of the file; `:memory:` has nothing to keep.
 * @param migrations SQL; the number of a migration is its position, counted from 1.
 * @throws ImagectlError DATABASE_TOO_NEW before anything is touched, DATABASE_UNUSABLE when rows that belong
 *   together would not any more; what SQLite throws. The migration that failed has changed nothing.
 */
export function migrate(connection: Connection, path: string, migrations: readonly string[]): void {
  const found = versionOf(connection);
  if (found > migrations.length) throw tooNew(path, found, migrations.length);
  if (found === migrations.length) return;
  if (found > 0 && path !== ":memory:") copyDatabase(connection, keptCopyOf(path, found));
  for (const [index, sql] of migrations.entries()) applyOnce(connection, path, { version: index + 1, sql });
}

/** @returns where the file of an older version is kept. */
export function keptCopyOf(path: string, version: number): string {
  return `${path}.v${version}`;
}

type Migration = { readonly version: number; readonly sql: string };

function applyOnce(connection: Connection, path: string, { version, sql }: Migration): void {
  connection.exec("BEGIN IMMEDIATE");
  try {
    // Asked again under the write lock: another process may have come first.
    if (versionOf(connection) < version) {
      connection.exec(sql);
      refuseOrphans(connection, path, version);
      connection.exec(`PRAGMA user_version = ${version}`);
    }
    connection.exec("COMMIT");
  } catch (error) {
    // SQLite ends the transaction by itself where it cannot go on, on a full disk for example.
    if (connection.isTransaction) connection.exec("ROLLBACK");
    throw error;
  }
}

/** The first databases have 0 there, and a table of their own that says 1. */
function versionOf(connection: Connection): number {
  const [row] = connection.prepare("PRAGMA user_version").all();
  const version = Number(row?.user_version);
  if (version > 0) return version;
  const [table] = connection.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'schema_version'").all();
  if (table === undefined) return 0;
  const [early] = connection.prepare("SELECT max(version) AS version FROM schema_version").all();
  return Number(early?.version ?? 0);
}

/** References are not enforced while tables are rebuilt (sqlite.org/lang_altertable.html#otheralter), so ask. */
function refuseOrphans(connection: Connection, path: string, version: number): void {
  const orphans = connection.prepare("PRAGMA foreign_key_check").all();
  if (orphans.length === 0) return;
  const tables = [...new Set(orphans.map(({ table }) => String(table)))].join(", ");
  throw new ImagectlError(
    "DATABASE_UNUSABLE",
    `${path}: migration ${version} would leave ${orphans.length} rows of ${tables} without what they belong to`,
    { hint: `Nothing was changed. Look at them: sqlite3 ${path} 'PRAGMA foreign_key_check'` },
  );
}

function tooNew(path: string, found: number, known: number): ImagectlError {
  return new ImagectlError(
    "DATABASE_TOO_NEW",
    `${path} has schema version ${found}; this imagectl knows ${known}`,
    {
      hint: `A newer imagectl wrote it. Run that version, or go back to the file from before: ls ${path}.v*`,
    },
  );
}
