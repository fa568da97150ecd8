/** Migrations, on a database that the first version of imagectl wrote, and on lists handed in. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { planDigest } from "../plan/plan.ts";
import { openAttempts } from "./attempts.ts";
import { openDatabase } from "./database.ts";
import { reduceAll } from "./reduce.ts";
import { migrations } from "./schema.ts";
import { openSeeds } from "./seeds.ts";

/**
 * Written by imagectl 0.1.0 at schema version 1: node1 was installed and is ready, node2 was disarmed and is armed
 * again. A later version of imagectl has to open it as it is; nobody edits it.
 */
const firstVersion = join(import.meta.dirname, "database-v1.sqlite");
let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "imagectl-migrate-"));
  path = join(directory, "imagectl.sqlite");
});

afterEach(() => rmSync(directory, { recursive: true }));

/** One value, read without imagectl. */
function ask(file: string, sql: string): unknown {
  const connection = new DatabaseSync(file, { readOnly: true });
  try {
    return Object.values(connection.prepare(sql).get() ?? {})[0];
  } finally {
    connection.close();
  }
}

function change(file: string, sql: string): void {
  const connection = new DatabaseSync(file);
  connection.exec(sql);
  connection.close();
}

describe("a database of the first version", () => {
  beforeEach(() => copyFileSync(firstVersion, path));

  test("opens with everything that was in it", () => {
    const database = openDatabase(path);
    const attempts = openAttempts(database);
    const [ready, armed] = attempts.latestOfAll();
    expect(ready).toMatchObject({ id: 1, node: "node1", state: { stage: "ready", isLive: false } });
    expect(armed).toMatchObject({ id: 3, node: "node2", state: { stage: "network-boot", isLive: true } });
    for (const id of [1, 2, 3]) {
      const events = attempts.events({ attempt: id });
      expect(events.length).toBeGreaterThan(1);
      expect(attempts.get(id)?.state).toEqual(reduceAll(events));
      expect(planDigest(attempts.frozenPlan(id))).toBe(attempts.get(id)?.planSha256);
    }
    expect(attempts.latestReport(1)).toMatchObject({ node: "node1", isReady: true });
    expect(database.rows("SELECT status, host_key FROM seeds")).toEqual([
      { status: "redeemed", host_key: "ssh-ed25519 AAAA node1" },
    ]);
    database.close();
  });

  test("goes on: its live attempt takes events and tokens, and events still cannot be changed", () => {
    const database = openDatabase(path);
    const attempts = openAttempts(database);
    const now = new Date("2026-11-24T10:05:00Z");
    expect(openSeeds(database, attempts).mint(3, "t".repeat(64), now)).toEqual({ kind: "minted" });
    expect(attempts.append(3, { kind: "disarmed" }, now).attempt.state.stage).toBe("disarmed");
    expect(() => database.change("UPDATE events SET body = '{}'")).toThrow("events are never changed");
    database.close();
  });

  test("is kept beside the new one as it was, for its owner only", () => {
    const events = ask(path, "SELECT count(*) FROM events");
    openDatabase(path).close();
    const kept = `${path}.v1`;
    expect(ask(path, "PRAGMA user_version")).toBe(migrations.length);
    expect(ask(kept, "PRAGMA user_version")).toBe(0);
    expect(ask(kept, "SELECT max(version) FROM schema_version")).toBe(1);
    expect(ask(kept, "SELECT count(*) FROM events")).toBe(events);
    expect(ask(kept, "PRAGMA integrity_check")).toBe("ok");
    expect(statSync(kept).mode & 0o777).toBe(0o600);
  });

  test("is migrated once: the next start touches neither it nor the kept file", () => {
    openDatabase(path).close();
    const [migrated, kept] = [path, `${path}.v1`].map((file) => readFileSync(file));
    openDatabase(path).close();
    expect(readFileSync(path).equals(migrated as Buffer)).toBe(true);
    expect(readFileSync(`${path}.v1`).equals(kept as Buffer)).toBe(true);
    expect(existsSync(`${path}.v${migrations.length}`)).toBe(false);
  });

  test("is not migrated where the old file cannot be kept", () => {
    const before = readFileSync(path);
    mkdirSync(`${path}.v1/in-the-way`, { recursive: true });
    expect(() => openDatabase(path)).toThrow(`cannot keep the database as it is in ${path}.v1`);
    expect(ask(path, "SELECT max(version) FROM schema_version")).toBe(1);
    expect(ask(path, "PRAGMA user_version")).toBe(0);
    expect(existsSync(`${path}.v1.partial`)).toBe(false);
    expect(readFileSync(path).length).toBe(before.length);
  });
});

describe("the steps of a migration", () => {
  const first = "CREATE TABLE parents (id INTEGER PRIMARY KEY) STRICT; INSERT INTO parents VALUES (1)";
  const second = `CREATE TABLE children (parent INTEGER NOT NULL REFERENCES parents (id)) STRICT;
    INSERT INTO children VALUES (1)`;
  const versionOf = (file: string) => ask(file, "PRAGMA user_version");

  test("a new database gets all of them, and nothing is kept of it", () => {
    openDatabase(path, [first, second]).close();
    expect(versionOf(path)).toBe(2);
    expect(existsSync(`${path}.v0`)).toBe(false);
  });

  test("one that fails changes nothing, those before it stay, and the next start goes on from there", () => {
    openDatabase(path, [first]).close();
    const broken = "CREATE TABLE half (x); INSERT INTO nowhere VALUES (1)";
    expect(() => openDatabase(path, [first, second, broken])).toThrow("no such table: nowhere");
    expect(versionOf(path)).toBe(2);
    expect(ask(path, "SELECT count(*) FROM sqlite_schema WHERE name = 'half'")).toBe(0);
    expect(versionOf(`${path}.v1`)).toBe(1);
    openDatabase(path, [first, second, "CREATE TABLE half (x INTEGER) STRICT"]).close();
    expect(versionOf(path)).toBe(3);
    expect(versionOf(`${path}.v2`)).toBe(2);
  });

  test("killed in the middle of one: the next start finds the version before it, and goes on", async () => {
    openDatabase(path, [first]).close();
    const slow = `CREATE TABLE many (x INTEGER) STRICT; INSERT INTO many
      WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 20000000) SELECT x FROM n`;
    const program = `
      import { openDatabase } from ${JSON.stringify(join(import.meta.dirname, "database.ts"))};
      openDatabase(${JSON.stringify(path)}, ${JSON.stringify([first, slow])});`;
    const child = spawn(process.execPath, ["--input-type=module-typescript", "--eval", program]);
    await expect.poll(() => existsSync(`${path}.v1`), { timeout: 10_000, interval: 5 }).toBe(true);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(child.signalCode).toBe("SIGKILL");
    expect(versionOf(path)).toBe(1);
    openDatabase(path, [first, second]).close();
    expect(versionOf(path)).toBe(2);
  });

  test("one that rebuilds a table keeps the references to it", () => {
    openDatabase(path, [first, second]).close();
    const rebuild = `CREATE TABLE fresh (id INTEGER PRIMARY KEY, name TEXT) STRICT;
      INSERT INTO fresh (id) SELECT id FROM parents; DROP TABLE parents; ALTER TABLE fresh RENAME TO parents`;
    openDatabase(path, [first, second, rebuild]).close();
    expect(ask(path, "SELECT count(*) FROM children JOIN parents ON parents.id = children.parent")).toBe(1);
  });

  test("one that would leave rows without what they belong to is refused", () => {
    openDatabase(path, [first, second]).close();
    expect(() => openDatabase(path, [first, second, "DELETE FROM parents"])).toThrow(
      "migration 3 would leave 1 rows of children without what they belong to",
    );
    expect(ask(path, "SELECT count(*) FROM parents")).toBe(1);
    expect(versionOf(path)).toBe(2);
  });

  test("references are enforced once it is open", () => {
    const database = openDatabase(path, [first, second]);
    expect(() => database.change("INSERT INTO children VALUES (7)")).toThrow("FOREIGN KEY");
    database.close();
  });
});

test("a database of a newer imagectl is refused untouched, with the way back", () => {
  openDatabase(path).close();
  change(path, `PRAGMA user_version = ${migrations.length + 1}`);
  const before = readFileSync(path);
  expect(() => openDatabase(path)).toThrow(
    `has schema version ${migrations.length + 1}; this imagectl knows ${migrations.length}`,
  );
  expect(readFileSync(path).equals(before)).toBe(true);
  expect(existsSync(`${path}.v${migrations.length + 1}`)).toBe(false);
});
