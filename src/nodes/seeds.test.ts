import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { afterEach, beforeEach, expect, test } from "vitest";
import { sha256 } from "../digest.ts";
import type { NodePlan } from "../plan/plan.ts";
import { type Attempts, openAttempts } from "./attempts.ts";
import { type Database, openDatabase } from "./database.ts";
import { openSeeds, type Seeds } from "./seeds.ts";

const now = new Date("2026-05-04T10:00:00Z");
const deadline = new Date("2026-05-04T12:00:00Z");
const node = { address: "10.77.0.11", keySha256: sha256("key of the node") };
const thief = { address: "10.77.0.11", keySha256: sha256("key of another") };
let directory: string;
let database: Database;
let attempts: Attempts;
let seeds: Seeds;

function open(): void {
  database = openDatabase(join(directory, "imagectl.sqlite"));
  attempts = openAttempts(database);
  seeds = openSeeds(database, attempts);
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "imagectl-seeds-"));
  open();
});

afterEach(() => {
  database.close();
  rmSync(directory, { recursive: true });
});

function arm(): number {
  const plan = { image: {}, node: { hostname: "node1", address: node.address } } as unknown as NodePlan;
  return attempts.arm({ plan, imageId: "i", revision: "r", now, deadline }).id;
}

function kinds(attempt: number): string[] {
  return attempts.events({ attempt }).map((event) => event.body.kind);
}

const token = (name: string): string => sha256(`token ${name}`);

test("a token is redeemed once; the same key gets the same answer again", () => {
  const id = arm();
  seeds.mint(id, token("a"), now);
  expect(seeds.redeem(token("a"), node, now)).toMatchObject({ kind: "granted", attempt: { id } });
  expect(seeds.redeem(token("a"), node, now)).toMatchObject({ kind: "granted" });
  expect(seeds.use(token("a"), node, now)).toMatchObject({ kind: "granted" });
  expect(attempts.get(id)?.state.tries).toBe(1);
});

test("another key is refused, and the refusal is an event", () => {
  const id = arm();
  seeds.mint(id, token("a"), now);
  seeds.redeem(token("a"), node, now);
  expect(seeds.redeem(token("a"), thief, now)).toMatchObject({ kind: "refused", reason: "other-key" });
  expect(kinds(id)).toEqual(["armed", "seed-redeemed", "seed-refused"]);
});

test("a redemption survives a restart, for its key and against all others", () => {
  seeds.mint(arm(), token("a"), now);
  seeds.redeem(token("a"), node, now);
  database.close();
  open();
  expect(seeds.redeem(token("a"), thief, now)).toMatchObject({ kind: "refused", reason: "other-key" });
  expect(seeds.redeem(token("a"), node, now)).toMatchObject({ kind: "granted" });
});

test("a newer boot script kills the token that nobody redeemed, not the running session", () => {
  const id = arm();
  seeds.mint(id, token("a"), now);
  seeds.mint(id, token("b"), now);
  expect(seeds.redeem(token("a"), node, now)).toMatchObject({ kind: "refused", reason: "newer-token" });
  expect(seeds.redeem(token("b"), node, now)).toMatchObject({ kind: "granted" });
  seeds.mint(id, token("c"), now);
  expect(seeds.use(token("b"), node, now)).toMatchObject({ kind: "granted" });
  seeds.redeem(token("c"), thief, now);
  expect(seeds.use(token("b"), node, now)).toMatchObject({ kind: "refused", reason: "newer-token" });
});

test("three tries, then the attempt is failed with its last cause and mints nothing", () => {
  const id = arm();
  for (const name of ["a", "b", "c"]) {
    expect(seeds.mint(id, token(name), now)).toEqual({ kind: "minted" });
    seeds.redeem(token(name), node, now);
  }
  attempts.append(id, { kind: "step-failed", index: 4, exitCode: 28, logTail: "" }, now);
  expect(seeds.mint(id, token("d"), now)).toEqual({ kind: "refused", reason: "no-tries-left" });
  const state = attempts.get(id)?.state;
  expect(state).toMatchObject({ stage: "failed", isLive: false, tries: 3 });
  expect(state?.cause?.message).toContain("3 tries did not deploy the node; the last one: step 4");
  expect(seeds.use(token("c"), node, now)).toMatchObject({ kind: "refused", reason: "attempt-over" });
});

test("after the deploy, the disarming and the deadline nothing is minted", () => {
  const id = arm();
  expect(seeds.mint(id, token("a"), deadline)).toMatchObject({ reason: "deadline-passed" });
  attempts.append(id, { kind: "deployed" }, now);
  expect(seeds.mint(id, token("a"), now)).toMatchObject({ reason: "already-deployed" });
  attempts.append(id, { kind: "disarmed" }, now);
  expect(seeds.mint(id, token("a"), now)).toMatchObject({ reason: "attempt-over" });
  expect(seeds.mint(99, token("a"), now)).toMatchObject({ reason: "attempt-over" });
});

test("an unknown token belongs to no attempt and fills no log", () => {
  const id = arm();
  expect(seeds.redeem(token("x"), node, now)).toEqual({ kind: "refused", reason: "unknown-token" });
  expect(kinds(id)).toEqual(["armed"]);
});

test("a look binds nothing and leaves no event, granted or refused", () => {
  const id = arm();
  seeds.mint(id, token("a"), now);
  expect(seeds.look(token("a"), node.address, now)).toMatchObject({ kind: "granted", attempt: { id } });
  expect(seeds.look(token("a"), "10.77.0.250", now)).toMatchObject({ reason: "other-address" });
  expect(seeds.look(token("x"), node.address, now)).toEqual({ kind: "refused", reason: "unknown-token" });
  expect(kinds(id)).toEqual(["armed"]);
  expect(seeds.redeem(token("a"), thief, now)).toMatchObject({ kind: "granted" });
});

test("a flood of refused requests leaves twenty events", () => {
  const id = arm();
  seeds.mint(id, token("a"), now);
  seeds.redeem(token("a"), node, now);
  for (let round = 0; round < 50; round += 1) seeds.use(token("a"), thief, now);
  expect(kinds(id).filter((kind) => kind === "seed-refused")).toHaveLength(20);
});

test("a session has one host key: the same one gets the same certificate, another one is refused", () => {
  seeds.mint(arm(), token("a"), now);
  seeds.redeem(token("a"), node, now);
  expect(seeds.claimHostKey(token("a"), "ssh-ed25519 AAAA")).toEqual({ kind: "sign", serial: 1 });
  expect(seeds.claimHostKey(token("a"), "ssh-ed25519 AAAA")).toEqual({ kind: "sign", serial: 1 });
  seeds.keepCertificate(token("a"), "cert");
  expect(seeds.claimHostKey(token("a"), "ssh-ed25519 AAAA")).toEqual({ kind: "signed", certificate: "cert" });
  expect(seeds.claimHostKey(token("a"), "ssh-ed25519 BBBB")).toEqual({ kind: "other-key" });
});

test("no token and no session key is in the database in clear", () => {
  const secret = "f".repeat(64);
  seeds.mint(arm(), sha256(secret), now);
  seeds.redeem(sha256(secret), { address: node.address, keySha256: sha256("e".repeat(64)) }, now);
  const dump = JSON.stringify([
    ...database.rows("SELECT * FROM seeds"),
    ...database.rows("SELECT * FROM events"),
  ]);
  expect(dump).not.toContain(secret);
  expect(dump).not.toContain("e".repeat(64));
});

test("a hundred redeemers with as many keys on ten connections: exactly one wins", async () => {
  const id = arm();
  seeds.mint(id, token("a"), now);
  const folder = import.meta.dirname;
  const program = (worker: number): string => `(async () => {
    const { openDatabase } = await import(${JSON.stringify(join(folder, "database.ts"))});
    const { openAttempts } = await import(${JSON.stringify(join(folder, "attempts.ts"))});
    const { openSeeds } = await import(${JSON.stringify(join(folder, "seeds.ts"))});
    const database = openDatabase(${JSON.stringify(join(directory, "imagectl.sqlite"))});
    const seeds = openSeeds(database, openAttempts(database));
    const granted = [];
    for (let round = 0; round < 10; round += 1) {
      const keySha256 = String(${worker} * 10 + round).padStart(64, "0");
      const client = { address: "10.77.0.11", keySha256 };
      const answer = seeds.redeem(${JSON.stringify(token("a"))}, client, new Date(${now.getTime()}));
      if (answer.kind === "granted") granted.push(keySha256);
    }
    database.close();
    require("node:worker_threads").parentPort.postMessage(granted);
  })()`;
  const winners = await Promise.all(
    Array.from({ length: 10 }, async (_unused, index) => {
      const worker = new Worker(program(index), { eval: true });
      const [granted] = (await once(worker, "message")) as [string[]];
      return granted;
    }),
  );
  expect(winners.flat()).toHaveLength(1);
  expect(attempts.get(id)?.state.tries).toBe(1);
});
