import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { NodePlan } from "../plan/plan.ts";
import { type Attempts, openAttempts } from "./attempts.ts";
import { type Database, openDatabase } from "./database.ts";
import type { EventBody } from "./event.ts";
import { reduceAll } from "./reduce.ts";

const now = new Date("2026-05-04T10:00:00Z");
const deadline = new Date("2026-05-04T12:00:00Z");
let directory: string;
let path: string;
let database: Database;
let attempts: Attempts;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "imagectl-nodes-"));
  path = join(directory, "imagectl.sqlite");
  database = openDatabase(path);
  attempts = openAttempts(database);
});

afterEach(() => {
  database.close();
  rmSync(directory, { recursive: true });
});

/** What the database needs of a plan: its node's name and address; everything else is kept as it is. */
function planOf(hostname: string): NodePlan {
  const layer = { files: [], commands: [], services: [], validators: [] };
  return {
    image: { ...layer, os: "os-1", arch: "amd64", packages: ["a"] },
    node: { ...layer, hostname, address: "10.77.0.11" } as unknown as NodePlan["node"],
  };
}

function arm(hostname = "node1") {
  return attempts.arm({ plan: planOf(hostname), imageId: "i".repeat(64), revision: "abc", now, deadline });
}

test("one live attempt per node: arming twice is refused by name, after disarming it is not", () => {
  const first = arm();
  expect(() => arm()).toThrow("node1 is already armed (attempt 1, armed)");
  expect(arm("node2").id).toBe(2);
  attempts.append(first.id, { kind: "disarmed" }, now);
  expect(arm().id).toBe(3);
  expect(attempts.latest("node1")?.id).toBe(3);
  expect(attempts.live().map((attempt) => attempt.id)).toEqual([2, 3]);
  expect(attempts.latestOfAll().map((attempt) => attempt.node)).toEqual(["node1", "node2"]);
});

test("a refused arming leaves no trace", () => {
  arm();
  expect(() => arm()).toThrow();
  expect(attempts.events({}).map((event) => event.body.kind)).toEqual(["armed"]);
});

test("the plan is frozen with its digest, and a changed one is noticed", () => {
  const { id, planSha256 } = arm();
  expect(attempts.frozenPlan(id)).toEqual(planOf("node1"));
  expect(planSha256).toMatch(/^[0-9a-f]{64}$/);
  database.change("UPDATE attempts SET plan = replace(plan, 'os-1', 'os-2')");
  expect(() => attempts.frozenPlan(id)).toThrow("missing or was changed");
});

test("events are never changed and never removed", () => {
  arm();
  expect(() => database.change("UPDATE events SET at = 'x'")).toThrow("never changed");
  expect(() => database.change("DELETE FROM events")).toThrow("never removed");
});

test("events are found by node, by attempt and from an id on", () => {
  const one = arm("node1");
  const two = arm("node2");
  attempts.append(one.id, { kind: "boot-offered", bootFile: "ipxe.efi" }, now);
  attempts.append(two.id, { kind: "disarmed" }, now);
  const ids = (query: Parameters<Attempts["events"]>[0]) => attempts.events(query).map((event) => event.id);
  expect(ids({ node: "node1" })).toEqual([1, 3]);
  expect(ids({ attempt: two.id })).toEqual([2, 4]);
  expect(ids({ afterId: 2 })).toEqual([3, 4]);
  expect(ids({ afterId: 1, limit: 1 })).toEqual([2]);
});

test("listeners hear an event only when all of its transaction is on the disk", () => {
  const heard: number[] = [];
  const end = attempts.subscribe(({ event }) => heard.push(event.id));
  const { id } = arm();
  expect(() =>
    database.transaction(() => {
      attempts.append(id, { kind: "disarmed" }, now);
      throw new Error("later in the transaction");
    }),
  ).toThrow("later");
  expect(heard).toEqual([1]);
  expect(attempts.get(id)?.state.stage).toBe("armed");
  database.transaction(() => {
    attempts.append(id, { kind: "disarmed" }, now);
    expect(heard).toEqual([1]);
  });
  expect(heard).toEqual([1, 2]);
  end();
  arm();
  expect(heard).toEqual([1, 2]);
});

test("reports are kept beside each other; the latest is shown", () => {
  const { id } = arm();
  expect(attempts.latestReport(id)).toBeUndefined();
  attempts.saveReport(id, { isReady: false }, now);
  attempts.saveReport(id, { isReady: true }, now);
  expect(attempts.latestReport(id)).toEqual({ isReady: true });
});

/** A small generator with a printed seed, so that a failing sequence can be run again. */
function randomFrom(seed: number): (below: number) => number {
  let value = seed;
  return (below) => {
    value = (Math.imul(value, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((value / 2 ** 32) * below);
  };
}

const bodies: readonly EventBody[] = [
  { kind: "disarmed" },
  { kind: "boot-offered", bootFile: "ipxe.efi" },
  { kind: "boot-offered", bootFile: "ipxe.efi" },
  { kind: "boot-script-served", script: "deploy" },
  { kind: "boot-script-served", script: "local-disk" },
  { kind: "seed-redeemed", address: "10.77.0.11" },
  { kind: "seed-redeemed", address: "10.77.0.11" },
  { kind: "seed-refused", address: "10.77.0.250", reason: "other-address" },
  { kind: "deploy-refused", findings: [] },
  { kind: "step-started", index: 1, total: 2, step: "wipe-disk" },
  { kind: "step-progress", index: 1, bytes: 1, totalBytes: 3, bytesPerSecond: 0.1 },
  { kind: "step-finished", index: 1, seconds: 0.5 },
  { kind: "step-failed", index: 1, exitCode: 1, logTail: "no" },
  { kind: "deployed" },
  { kind: "deployed" },
  { kind: "system-reached" },
  { kind: "verify-started", checks: 2 },
  { kind: "verify-finished", green: 1, red: 0, notApplicable: 1, isReady: true },
  { kind: "verify-finished", green: 0, red: 2, notApplicable: 0, isReady: false },
  { kind: "stage-overdue", stage: "armed", seconds: 300 },
  { kind: "attempt-failed", cause: { message: "late", hint: "again" } },
  { kind: "server-failed", request: "GET overlay.tar", message: "disk full" },
];

function appendRandom(log: Attempts, ids: readonly number[], seed: number, rounds: number): void {
  const random = randomFrom(seed);
  for (let round = 0; round < rounds; round += 1) {
    const id = ids[random(ids.length)] as number;
    const body = bodies[random(bodies.length)] as EventBody;
    const before = log.get(id)?.state;
    const { state } = log.append(id, body, new Date(now.getTime() + round * 1000)).attempt;
    expect(state, JSON.stringify(body)).toEqual(reduceAll(log.events({ attempt: id })));
    expect(before?.isDeployed === true && !state.isDeployed, "isDeployed never goes back").toBe(false);
    expect(state.tries).toBeGreaterThanOrEqual(before?.tries ?? 0);
    if (state.stage === "ready") expect(state).toMatchObject({ isDeployed: true, isLive: false });
    if (before?.stage === "disarmed") expect(state).toEqual(before);
  }
}

test.each(Array.from({ length: 20 }, (_unused, index) => index + 1))(
  "random sequence %i: replaying the log gives the stored row after every event",
  (seed) => {
    const memory = openDatabase(":memory:");
    const log = openAttempts(memory);
    const request = { imageId: "i", revision: "r", now, deadline };
    const ids = ["node1", "node2", "node3"].map((name) => log.arm({ ...request, plan: planOf(name) }).id);
    appendRandom(log, ids, seed, 80);
    memory.close();
  },
);

test("after a restart the rows still fit the log", () => {
  appendRandom(attempts, [arm("node1").id, arm("node2").id], 21, 30);
  const before = attempts.latestOfAll();
  database.close();
  database = openDatabase(path);
  attempts = openAttempts(database);
  expect(attempts.latestOfAll()).toEqual(before);
  for (const attempt of before) {
    expect(attempt.state).toEqual(reduceAll(attempts.events({ attempt: attempt.id })));
  }
});

test("kill -9 at any moment: every event that was acknowledged is there, and the rows fit the log", async () => {
  const { id } = arm();
  database.close();
  const program = `
    import { openDatabase } from ${JSON.stringify(join(import.meta.dirname, "database.ts"))};
    import { openAttempts } from ${JSON.stringify(join(import.meta.dirname, "attempts.ts"))};
    import { writeSync } from "node:fs";
    const attempts = openAttempts(openDatabase(${JSON.stringify(path)}));
    for (let bytes = 0; ; bytes += 1) {
      attempts.append(${id}, { kind: "step-started", index: 1, total: 2, step: "wipe-disk" }, new Date());
      const { event } = attempts.append(${id}, { kind: "step-progress", index: 1, bytes, totalBytes: 9, bytesPerSecond: 1 }, new Date());
      writeSync(1, event.id + "\\n");
    }`;
  let acknowledged = 0;
  for (const killAfter of [1, 7, 20, 33]) {
    const child = spawn(process.execPath, ["--input-type=module-typescript", "--eval", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let lines = 0;
    for await (const line of createInterface(child.stdout)) {
      acknowledged = Number(line);
      lines += 1;
      if (lines === killAfter) child.kill("SIGKILL");
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    expect(child.signalCode).toBe("SIGKILL");
    database = openDatabase(path);
    attempts = openAttempts(database);
    const events = attempts.events({ attempt: id });
    expect(events.at(-1)?.id).toBeGreaterThanOrEqual(acknowledged);
    expect(events.map((event) => event.id)).toEqual(events.map((_event, index) => index + 1));
    expect(attempts.get(id)?.state).toEqual(reduceAll(events));
    database.close();
  }
  database = openDatabase(path);
});

test("a lock of another process is named, and nothing is half written", () => {
  const { id } = arm();
  const other = new DatabaseSync(path);
  other.exec("BEGIN IMMEDIATE");
  expect(() => attempts.append(id, { kind: "disarmed" }, now)).toThrow("is locked by another process");
  other.exec("ROLLBACK");
  other.close();
  expect(attempts.append(id, { kind: "disarmed" }, now).attempt.state.stage).toBe("disarmed");
});

test("a file that is no database is refused with its name", async () => {
  const { writeFileSync } = await import("node:fs");
  const broken = join(directory, "broken.sqlite");
  writeFileSync(broken, "this is no database, and long enough to be looked at\n".repeat(40));
  expect(() => openDatabase(broken)).toThrow(`${broken}: file is not a database`);
});

describe("what is on the disk", () => {
  const ready = { kind: "verify-finished", green: 1, red: 0, notApplicable: 0, isReady: true } as const;
  const step = { kind: "step-started", index: 1, total: 9, step: "wipe-disk" } as const;

  test("an attempt that wrote nothing leaves the installed system as it was", () => {
    const first = arm().id;
    attempts.append(first, { kind: "deployed" }, now);
    attempts.append(first, ready, now);
    const second = arm().id;
    expect(attempts.current("node1")?.id).toBe(second);
    attempts.append(second, { kind: "disarmed" }, now);
    expect(attempts.installed("node1")?.id).toBe(first);
    expect(attempts.current("node1")?.id).toBe(first);
  });

  test("an attempt that wiped the disk and did not end leaves nothing installed", () => {
    const first = arm().id;
    attempts.append(first, { kind: "deployed" }, now);
    attempts.append(first, ready, now);
    const second = arm().id;
    attempts.append(second, step, now);
    attempts.append(second, { kind: "disarmed" }, now);
    expect(attempts.installed("node1")).toBeUndefined();
    expect(attempts.current("node1")?.id).toBe(second);
  });
});
