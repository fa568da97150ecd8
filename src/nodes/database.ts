/** The only importer of node:sqlite: opens the database, brings its schema up to date, runs transactions. */
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { ImagectlError } from "../errors.ts";
import { databaseBytes } from "./copy-database.ts";
import { migrate } from "./migrate.ts";
import { migrations } from "./schema.ts";

export type Row = Readonly<Record<string, unknown>>;

export type Database = {
  /** All rows of a query. */
  rows(sql: string, ...values: SQLInputValue[]): readonly Row[];
  /** Runs one statement. @returns the row id of an INSERT, and how many rows were touched. */
  change(sql: string, ...values: SQLInputValue[]): { readonly rowId: number; readonly changes: number };
  /**
   * All or nothing, on the disk when it returns. A transaction inside another one is part of it.
   * @throws what `work` throws, after rolling back; ImagectlError DATABASE_BUSY, DATABASE_FULL, DATABASE_UNUSABLE.
   */
  transaction<Result>(work: () => Result): Result;
  /** Runs `work` once all that was written is on the disk: now, or when the transaction around has committed. */
  afterCommit(work: () => void): void;
  /**
   * All that is committed, as the bytes of a database file. Nothing else happens in this process meanwhile:
   * some milliseconds per megabyte.
   * @throws ImagectlError DATABASE_UNUSABLE, for a full disk as well.
   */
  bytes(): Buffer;
  close(): void;
};

/**
 * How long the first statement that meets another process's lock waits for it. Milliseconds. It blocks DHCP for
 * that long, so it is short, and those after it do not wait until one has got through again: a hundred nodes may
 * be reporting. Only an operator's sqlite3 shell or a backup can hold a lock, since one serve runs at a time.
 */
const busyTimeoutMs = 2_000;

/** SQLite result codes (sqlite.org/rescode.html), primary. */
const sqliteCodes = { busy: 5, locked: 6, full: 13 } as const;

/**
 * WAL with synchronous=FULL: a commit is on the disk when it returns, and a kill at any moment leaves either
 * all of a transaction or nothing (sqlite.org/pragma.html#pragma_synchronous).
 * @param path of the file, made when it is missing; its folder must exist. `:memory:` in tests.
 * @param steps the migrations; others than the program's own in tests only.
 * @throws ImagectlError DATABASE_UNUSABLE, DATABASE_TOO_NEW, DATABASE_BUSY, DATABASE_FULL.
 */
export function openDatabase(path: string, steps: readonly string[] = migrations): Database {
  const options = { timeout: busyTimeoutMs, enableForeignKeyConstraints: false };
  const connection = translated(path, () => new DatabaseSync(path, options));
  const lockWait = adaptiveLockWait(connection);
  const statements = new Map<string, StatementSync>();
  const prepare = (sql: string): StatementSync => {
    const known = statements.get(sql) ?? connection.prepare(sql);
    statements.set(sql, known);
    return known;
  };
  let depth = 0;
  const waiting: (() => void)[] = [];
  const rollBack = (): void => {
    depth -= 1;
    waiting.splice(0);
    if (connection.isTransaction) connection.exec("ROLLBACK");
  };
  const database: Database = {
    rows: (sql, ...values) => translated(path, () => prepare(sql).all(...values)),
    change: (sql, ...values) =>
      lockWait(() =>
        translated(path, () => {
          const { lastInsertRowid, changes } = prepare(sql).run(...values);
          return { rowId: Number(lastInsertRowid), changes: Number(changes) };
        }),
      ),
    transaction: (work) => {
      if (depth > 0) return work();
      // IMMEDIATE takes the write lock at once: what is read inside cannot be overtaken by another writer.
      lockWait(() => translated(path, () => connection.exec("BEGIN IMMEDIATE")));
      depth += 1;
      try {
        const result = work();
        translated(path, () => connection.exec("COMMIT"));
        depth -= 1;
        for (const notify of waiting.splice(0)) notify();
        return result;
      } catch (error) {
        if (depth > 0) rollBack();
        throw error;
      }
    },
    afterCommit: (work) => {
      if (depth > 0) waiting.push(work);
      else work();
    },
    bytes: () => translated(path, () => databaseBytes(connection)),
    close: () => connection.close(),
  };
  try {
    translated(path, () => {
      connection.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
      migrate(connection, path, steps);
      connection.exec("PRAGMA foreign_keys = ON");
    });
  } catch (error) {
    connection.close();
    throw error;
  }
  return database;
}

/**
 * Reads a database that no server has open, as it is: an older schema stays an older schema.
 * @returns what `bytes` returns; undefined when there is no file.
 * @throws ImagectlError DATABASE_UNUSABLE, DATABASE_BUSY.
 */
export function readDatabaseFile(path: string): Buffer | undefined {
  if (!existsSync(path)) return undefined;
  return translated(path, () => {
    const connection = new DatabaseSync(path, { timeout: busyTimeoutMs, readOnly: true });
    try {
      return databaseBytes(connection);
    } finally {
      connection.close();
    }
  });
}

/** @returns a function that runs a write: it waits for a lock unless the write before it waited in vain. */
function adaptiveLockWait(connection: DatabaseSync): <Result>(write: () => Result) => Result {
  let isWaiting = true;
  const setWaiting = (wanted: boolean): void => {
    if (wanted === isWaiting) return;
    isWaiting = wanted;
    connection.exec(`PRAGMA busy_timeout = ${wanted ? busyTimeoutMs : 0}`);
  };
  return (write) => {
    try {
      const result = write();
      setWaiting(true);
      return result;
    } catch (error) {
      if (error instanceof ImagectlError && error.code === "DATABASE_BUSY") setWaiting(false);
      throw error;
    }
  };
}

/**
 * Takes a lock that the kernel drops when this process ends, however it ends: an empty database of its own,
 * locked for good. Whoever opens and closes the file in this process would lose the lock (fcntl(2)).
 * @returns a function that gives it back; undefined while another process holds it.
 * @throws ImagectlError DATABASE_FULL, DATABASE_UNUSABLE.
 */
export function takeLock(path: string): (() => void) | undefined {
  const connection = translated(path, () => new DatabaseSync(path, { timeout: 0 }));
  try {
    translated(path, () => connection.exec("BEGIN EXCLUSIVE"));
    return () => connection.close();
  } catch (error) {
    connection.close();
    if (error instanceof ImagectlError && error.code === "DATABASE_BUSY") return undefined;
    throw error;
  }
}

/** SQLite's own errors become ours, with a hint; what else is thrown stays. */
function translated<Result>(path: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") throw error;
    const primary = error.errcode & 0xff;
    if (primary === sqliteCodes.busy || primary === sqliteCodes.locked) {
      throw new ImagectlError("DATABASE_BUSY", `${path} is locked by another process`, {
        hint: `Find it with: fuser -v ${path}`,
        cause: error,
      });
    }
    if (primary === sqliteCodes.full) {
      throw new ImagectlError("DATABASE_FULL", `${path} cannot grow: its disk is full`, {
        hint: `Make room on it, nothing needs a restart then: df -h ${dirname(path)}; imagectl images prune`,
        cause: error,
      });
    }
    throw new ImagectlError("DATABASE_UNUSABLE", `${path}: ${error.message}`, {
      hint: `Check the disk and the file: df -h ${path}; sqlite3 ${path} 'PRAGMA integrity_check'`,
      cause: error,
    });
  }
}
