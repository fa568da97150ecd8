import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ImagectlError } from "../errors.ts";
import { type Attempts, openAttempts } from "../nodes/attempts.ts";
import { type Database, openDatabase } from "../nodes/database.ts";
import type { EventBody } from "../nodes/event.ts";
import type { NodePlan } from "../plan/plan.ts";
import type { Check } from "../roles/role.ts";
import type { Report, RunAt } from "../verify/report.ts";
import { type SuperviseDependencies, type Supervisor, superviseNodes } from "./supervise.ts";

const now = new Date("2026-05-04T10:00:00Z");
const check: Check = {
  role: "a-role",
  name: "it is so",
  from: "node",
  run: "true",
  expect: { exit: 0 },
  gate: true,
  needs: [],
  fault: { kind: "remove", path: "/x" },
  timeoutSeconds: 5,
};
const ok: RunAt = async () => ({ exitCode: 0, stdout: "", stderr: "" });

let database: Database;
let attempts: Attempts;
let supervisor: Supervisor | undefined;
let lines: string[];

function reportOf(outcome: "green" | "red"): Report {
  const answer = { exitCode: outcome === "red" ? 1 : 0, stdout: "", stderr: "" };
  const results = [{ check, outcome, reason: outcome === "red" ? "it is not" : "", answer, seconds: 0.1 }];
  return { node: "node1", startedAt: now.toISOString(), results, isReady: outcome === "green" };
}

function start(overrides: Partial<SuperviseDependencies> = {}): Supervisor {
  supervisor = superviseNodes({
    attempts,
    now: () => now,
    log: (subject, text) => lines.push(`${subject} ${text}`),
    pollMs: 1,
    answersOnSsh: async () => true,
    runOnNode: () => ok,
    prove: async (_node, onResult) => {
      const report = reportOf("green");
      for (const result of report.results) onResult(result);
      return report;
    },
    ...overrides,
  });
  return supervisor;
}

function arm(...bodies: EventBody[]): number {
  const plan = {
    image: {},
    node: { hostname: "node1", address: "10.77.0.11", checks: [check] },
  } as unknown as NodePlan;
  const deadline = new Date(now.getTime() + 3_600_000);
  const { id } = attempts.arm({ plan, imageId: "i", revision: "r", now, deadline });
  for (const body of bodies) attempts.append(id, body, now);
  return id;
}

const stage = (id: number): string | undefined => attempts.get(id)?.state.stage;
const kinds = (id: number): string[] => attempts.events({ attempt: id }).map((event) => event.body.kind);

beforeEach(() => {
  lines = [];
  database = openDatabase(":memory:");
  attempts = openAttempts(database);
});

afterEach(async () => {
  supervisor?.stop();
  await sleep(5);
  database.close();
});

test("a node that reports deployed is reached, proved and ready; its report is kept", async () => {
  start();
  const id = arm({ kind: "deployed" });
  await expect.poll(() => stage(id)).toBe("ready");
  expect(kinds(id)).toEqual(["armed", "deployed", "system-reached", "verify-started", "verify-finished"]);
  expect(attempts.latestReport(id)).toMatchObject({ isReady: true });
});

/** As runChecks reports a node whose cable was pulled on the way. */
function lostReport(): Report {
  const results = [{ check, outcome: "red" as const, reason: "the node could not be reached", seconds: 0.1 }];
  return { node: "node1", startedAt: now.toISOString(), results, isReady: false };
}

test("a proof during which the node was lost is no verdict: it is made anew, and the events say why", async () => {
  let proofs = 0;
  start({ prove: async () => (++proofs === 1 ? lostReport() : reportOf("green")) });
  const id = arm({ kind: "deployed" });
  await expect.poll(() => stage(id)).toBe("ready");
  expect(kinds(id).slice(-4)).toEqual([
    "verify-started",
    "verify-interrupted",
    "verify-started",
    "verify-finished",
  ]);
});

test("what is red of a node that is away in the end is no verdict, although each check got an answer", async () => {
  let proofs = 0;
  let isThere = true;
  start({
    answersOnSsh: async () => {
      const answer = isThere;
      isThere = true;
      return answer;
    },
    prove: async () => {
      proofs += 1;
      isThere = proofs > 1;
      return reportOf(proofs === 1 ? "red" : "green");
    },
  });
  const id = arm({ kind: "deployed" });
  await expect.poll(() => stage(id)).toBe("ready");
  expect(proofs).toBe(2);
  expect(kinds(id)).toContain("verify-interrupted");
});

test("a node that is lost in each of five proofs is not ready", async () => {
  let proofs = 0;
  start({
    prove: async () => {
      proofs += 1;
      return lostReport();
    },
  });
  const id = arm({ kind: "deployed" });
  await expect.poll(() => stage(id)).toBe("failed");
  expect(proofs).toBe(5);
});

test("a database that is locked for a while leaves no node without its proof", async () => {
  let failures = 2;
  start({
    attempts: {
      ...attempts,
      append: (...event) => {
        failures -= 1;
        if (failures >= 0) throw new ImagectlError("DATABASE_BUSY", "locked", { hint: "wait" });
        return attempts.append(...event);
      },
    },
  });
  const id = arm({ kind: "deployed" });
  await expect.poll(() => stage(id)).toBe("ready");
  expect(lines).toEqual(["node1 not proved yet, trying on: locked [DATABASE_BUSY]"]);
});

test("after a restart of the server a deployed node goes on where it was", async () => {
  const id = arm({ kind: "deployed" }, { kind: "boot-offered", bootFile: "ipxe.efi" });
  start();
  await expect.poll(() => stage(id)).toBe("ready");
});

test("a proof that the server's death interrupted is run again, from its beginning", async () => {
  const id = arm({ kind: "deployed" }, { kind: "system-reached" }, { kind: "verify-started", checks: 1 });
  start();
  await expect.poll(() => stage(id)).toBe("ready");
  expect(kinds(id).filter((kind) => kind === "system-reached")).toHaveLength(1);
  expect(kinds(id).filter((kind) => kind === "verify-started")).toHaveLength(2);
});

test("a node that is only armed is left alone", async () => {
  let asked = 0;
  start({
    answersOnSsh: async () => {
      asked += 1;
      return true;
    },
  });
  arm({ kind: "boot-offered", bootFile: "ipxe.efi" });
  await sleep(20);
  expect(asked).toBe(0);
});

test("an sshd without our host key is not the system; why not is said once", async () => {
  let isSigned = false;
  start({
    runOnNode: () => async () => {
      if (!isSigned) throw new Error("Host key verification failed.");
      return { exitCode: 0, stdout: "", stderr: "" };
    },
  });
  const id = arm({ kind: "deployed" });
  await sleep(30);
  expect(stage(id)).toBe("deployed");
  expect(lines).toEqual(["node1 sshd answers, but: Host key verification failed."]);
  isSigned = true;
  await expect.poll(() => stage(id)).toBe("ready");
});

test("checks start only when the system has settled", async () => {
  let isSettled = false;
  start({
    runOnNode: () => async (script) => {
      if (script !== "true" && !isSettled) throw new Error("connection reset");
      return { exitCode: 0, stdout: "", stderr: "" };
    },
  });
  const id = arm({ kind: "deployed" });
  await expect.poll(() => kinds(id)).toContain("system-reached");
  await sleep(20);
  expect(kinds(id)).not.toContain("verify-started");
  isSettled = true;
  await expect.poll(() => stage(id)).toBe("ready");
});

test("red checks are named in the log and fail the node", async () => {
  start({
    prove: async (_node, onResult) => {
      const report = reportOf("red");
      for (const result of report.results) onResult(result);
      return report;
    },
  });
  const id = arm({ kind: "deployed" });
  await expect.poll(() => stage(id)).toBe("failed");
  expect(lines).toEqual(["node1 a-role: it is so (from node): red: it is not"]);
  expect(attempts.get(id)?.state.cause?.message).toBe("1 acceptance check is red");
});

test("a disarmed node is not followed any longer", async () => {
  let asked = 0;
  start({
    answersOnSsh: async () => {
      asked += 1;
      return false;
    },
  });
  const id = arm({ kind: "deployed" });
  await expect.poll(() => asked).toBeGreaterThan(0);
  attempts.append(id, { kind: "disarmed" }, now);
  await sleep(10);
  const before = asked;
  await sleep(20);
  expect(asked).toBe(before);
});

test("a node is proved once at a time", async () => {
  const proving = Promise.withResolvers<Report>();
  const running = start({ prove: () => proving.promise });
  const id = arm({ kind: "deployed" });
  await expect.poll(() => kinds(id)).toContain("verify-started");
  const attempt = attempts.get(id);
  if (attempt === undefined) throw new Error("the attempt is there");
  const { node } = attempts.frozenPlan(id);
  await expect(running.verify(attempt, node, () => {})).rejects.toThrow("is being proved right now");
  proving.resolve(reportOf("green"));
  await expect.poll(() => stage(id)).toBe("ready");
  await expect(start().verify(attempt, node, () => {})).resolves.toMatchObject({ isReady: true });
});
