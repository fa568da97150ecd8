/** The commands' end of the operator API against the server's end, over a real Unix socket. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ImagectlError } from "../errors.ts";
import { type Attempts, openAttempts } from "../nodes/attempts.ts";
import { type Database, openDatabase } from "../nodes/database.ts";
import type { NodePlan } from "../plan/plan.ts";
import { type OperatorDependencies, operatorRoutes } from "../serve/operator-routes.ts";
import { listenForOperators, refuseSecondServer } from "../serve/operator-socket.ts";
import type { ApplyLine, NodeView, VerifyLine, WatchLine } from "../serve/operator-types.ts";
import type { CheckResult } from "../verify/report.ts";
import { operatorClient } from "./operator-client.ts";
import { runCaptured } from "./test-run.ts";

const now = new Date("2026-05-04T10:00:00Z");
const report = { node: "node1", startedAt: now.toISOString(), results: [], isReady: true };
let folder: string;
let socketPath: string;
let env: Record<string, string>;
let database: Database;
let attempts: Attempts;
let server: FastifyInstance;

const plan = (hostname: string) =>
  ({ image: {}, node: { hostname, address: "10.77.0.11" } }) as unknown as NodePlan;

function arm(hostname: string): number {
  const deadline = new Date(now.getTime() + 3_600_000);
  return attempts.arm({ plan: plan(hostname), imageId: "i".repeat(64), revision: "r", now, deadline }).id;
}

function nodes(): NodeView[] {
  return ["node1", "node2"].map((node) => ({
    node,
    group: "gpu",
    address: "10.77.0.11",
    attempt: attempts.latest(node),
    hasSystem: attempts.installed(node) !== undefined,
  }));
}

async function listen(overrides: Partial<OperatorDependencies> = {}): Promise<void> {
  server = await listenForOperators(
    socketPath,
    operatorRoutes({
      status: () => ({ pid: 1, clusterFile: "c", interface: "eth1", address: "10.77.0.1" }),
      arm: async () => [],
      reinstall: async () => [],
      rescue: async () => [],
      disarm: () => [],
      nodes,
      neededImages: () => [],
      retire: async (node) => ({
        node,
        attempt: undefined,
        wasLive: false,
        hostKeys: [],
        knownHostsFile: "k",
      }),
      targets: async () => ({
        nodes: nodes(),
        groups: [
          { name: "gpu", method: "golden" },
          { name: "empty", method: "golden" },
        ],
      }),
      attempts,
      apply: async (_node, _isDryRun, onLine) => {
        onLine("~ /etc/hosts");
        return { exitCode: 0, isReinstallNeeded: true };
      },
      diff: async (node) => ({ node, due: [], reinstall: [], drift: [] }),
      verify: async () => report,
      copyDatabase: () => database.bytes(),
      ...overrides,
    }),
  );
}

/** Runs a command as `imagectl` would. */
const imagectl = (...argv: string[]) => runCaptured(argv, { env });

async function collect<Line>(lines: AsyncIterable<Line>): Promise<Line[]> {
  const all: Line[] = [];
  for await (const line of lines) all.push(line);
  return all;
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "imagectl-operator-"));
  socketPath = join(folder, "operator.sock");
  env = { IMAGECTL_RUN: folder, IMAGECTL_STATE: folder };
  database = openDatabase(":memory:");
  attempts = openAttempts(database);
});

afterEach(async () => {
  await server?.close();
  database.close();
  rmSync(folder, { recursive: true });
});

describe("the database of a running server", () => {
  test("comes whole, with what was committed just before", async () => {
    await listen();
    arm("node1");
    const copy = join(folder, "copy.sqlite");
    writeFileSync(copy, await operatorClient(env).bytes("/database"));
    const copied = openDatabase(copy);
    expect(copied.rows("SELECT node FROM attempts")).toEqual([{ node: "node1" }]);
    copied.close();
  });

  test("a full disk of the server is the error of the command", async () => {
    await listen({
      copyDatabase: () => {
        throw new ImagectlError("DATABASE_UNUSABLE", "database or disk is full", { hint: "df -h" });
      },
    });
    await expect(operatorClient(env).bytes("/database")).rejects.toMatchObject({
      code: "DATABASE_UNUSABLE",
      hint: "df -h",
    });
  });
});

describe("the socket", () => {
  test("only its owner may open it, and a second server is refused", async () => {
    await listen();
    expect(statSync(socketPath).mode & 0o777).toBe(0o600);
    await expect(refuseSecondServer(socketPath)).rejects.toThrow("another imagectl serve answers");
  });

  test("what a killed server left behind is replaced", async () => {
    await listen();
    await server.close();
    await listen();
    await expect(operatorClient(env).get("/status")).resolves.toMatchObject({ interface: "eth1" });
  });

  test("without a server every command says how to start it", async () => {
    for (const argv of [
      ["nodes"],
      ["arm", "node1"],
      ["watch", "node1"],
      ["events", "node1"],
      ["apply", "node1"],
    ]) {
      const { code, stderr } = await imagectl(...argv);
      expect(code, argv[0]).toBe(1);
      expect(stderr).toContain("imagectl serve is not running");
      expect(stderr).toContain("hint: Start it: sudo imagectl serve");
    }
  });
});

describe("answers", () => {
  test("an error of the server arrives as the same error, with code, hint and findings", async () => {
    const finding = {
      code: "ARM_REFUSED",
      where: "node1",
      message: "m",
      hint: "h",
      severity: "error",
    } as const;
    await listen({
      arm: async () => {
        throw new ImagectlError("ARM_REFUSED", "nothing was armed", { hint: "see", findings: [finding] });
      },
    });
    const { code, stderr } = await imagectl("arm", "node1");
    expect(code).toBe(2);
    expect(stderr).toContain("nothing was armed [ARM_REFUSED]");
    expect(stderr).toContain("node1: error: m");
  });

  test("a defect of the server is not dressed up as a refusal", async () => {
    await listen({
      nodes: () => {
        throw new TypeError("undefined is not a function");
      },
    });
    await expect(operatorClient(env).get("/nodes")).rejects.toMatchObject({ code: "DEFECT" });
  });

  test("a malformed request is refused, naming the field", async () => {
    await listen();
    const post = (body: unknown) => operatorClient(env).post("/arm", body);
    await expect(post({ nodes: ["../x"], deadlineSeconds: 60 })).rejects.toThrow("nodes.0");
    await expect(post({ nodes: [], deadlineSeconds: 1 })).rejects.toThrow("deadlineSeconds");
    await expect(post({ nodes: [], deadlineSeconds: 60, extra: 1 })).rejects.toThrow("extra");
  });

  test("apply streams what the node says and ends with its exit code", async () => {
    await listen();
    const path = "/nodes/node1/apply";
    expect(await collect(operatorClient(env).lines<ApplyLine>("POST", path, { isDryRun: true }))).toEqual([
      { kind: "line", text: "~ /etc/hosts" },
      { kind: "done", exitCode: 0, isReinstallNeeded: true },
    ]);
    const { code, stdout, stderr } = await imagectl("apply", "node1", "--dry-run");
    expect([code, stdout]).toEqual([0, "~ /etc/hosts\n"]);
    expect(stderr).toContain("that takes a reinstall");
  });

  test("a dry run that would change something ends with 2, an apply that failed with 1", async () => {
    let exitCode = 3;
    await listen({ apply: async () => ({ exitCode, isReinstallNeeded: false }) });
    expect(await imagectl("apply", "node1", "--dry-run")).toMatchObject({ code: 2, stderr: "" });
    exitCode = 1;
    expect(await imagectl("apply", "node1")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("apply ended with exit code 1"),
    });
  });

  test("a stream that fails in the middle ends with the error", async () => {
    await listen({
      verify: async () => {
        throw new ImagectlError("VERIFY_RUNNING", "node1 is being proved right now", { hint: "wait" });
      },
    });
    const lines = operatorClient(env).lines<VerifyLine>("POST", "/nodes/node1/verify");
    await expect(collect(lines)).rejects.toMatchObject({ code: "VERIFY_RUNNING" });
  });

  test("a server that is killed in the middle is said, and is no defect", async () => {
    await listen({
      verify: (_node, onResult) => {
        onResult({ check: { role: "base", name: "it answers" }, outcome: "green" } as CheckResult);
        setImmediate(() => server.server.closeAllConnections());
        return new Promise(() => {});
      },
    });
    expect(await imagectl("verify", "node1")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("broke off [SERVER_ANSWER_MALFORMED]"),
    });
  });

  test("verify ends with 0 for a ready node; --last shows the kept report", async () => {
    await listen();
    expect((await imagectl("verify", "node1")).code).toBe(0);
    const id = arm("node1");
    expect((await imagectl("verify", "node1", "--last")).stderr).toContain("has no report");
    attempts.saveReport(id, { ...report, isReady: false }, now);
    const last = await imagectl("verify", "node1", "--last", "--json");
    expect([last.code, JSON.parse(last.stdout)]).toMatchObject([1, { isReady: false }]);
    expect((await imagectl("verify", "node1", "--junit", "--json")).stderr).toContain(
      "Choose one of --json and --junit.",
    );
  });
});

describe("report", () => {
  test("the kept report is shown, or written as a page with what is known of the machine", async () => {
    await listen();
    const id = arm("node1");
    expect(await imagectl("report", "node1")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("hint: Run them: imagectl verify node1"),
    });
    attempts.saveReport(id, report, now);
    expect((await imagectl("report", "node1", "--junit")).stdout).toContain('<testsuite name="node1"');
    const file = join(folder, "page.html");
    expect(await imagectl("report", "node1", "--html", "--out", file)).toMatchObject({ code: 0, stdout: "" });
    expect(readFileSync(file, "utf8")).toContain(
      `<dt>image</dt><dd>${attempts.latest("node1")?.imageId}</dd>`,
    );
  });

  test("a file that cannot be written, and two forms at once, are said", async () => {
    await listen();
    attempts.saveReport(arm("node1"), report, now);
    const lost = await imagectl("report", "node1", "--out", join(folder, "no/such/folder"));
    expect([lost.code, lost.stderr]).toEqual([1, expect.stringContaining("[OUTPUT_NOT_WRITTEN]")]);
    expect((await imagectl("report", "node1", "--html", "--json")).stderr).toContain("Choose one of");
  });
});

describe("watch", () => {
  test("first every node as it is, then each event as it comes", async () => {
    await listen();
    const id = arm("node1");
    arm("node2");
    const lines = operatorClient(env).lines<WatchLine>("GET", "/watch?node=node1");
    expect((await lines.next()).value).toMatchObject({
      attempt: { node: "node1", state: { stage: "armed" } },
    });
    attempts.append(id, { kind: "boot-offered", bootFile: "ipxe.efi" }, now);
    const { value } = await lines.next();
    expect(value).toMatchObject({ event: { body: { kind: "boot-offered" } } });
    expect(value?.attempt.state.stage).toBe("network-boot");
    await lines.return(undefined);
  });

  test("it ends with 0 when the nodes are ready, with 1 when one failed", async () => {
    await listen();
    const id = arm("node1");
    const watched = imagectl("watch", "node1");
    attempts.append(id, { kind: "deployed" }, now);
    attempts.append(id, { kind: "system-reached" }, now);
    const verdict = { kind: "verify-finished", green: 3, red: 0, notApplicable: 0, isReady: true } as const;
    setTimeout(() => attempts.append(id, verdict, now), 50);
    expect(await watched).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("READY: 3 checks green"),
    });

    const cause = { message: "the deadline passed", hint: "imagectl arm NODE" };
    attempts.append(arm("node2"), { kind: "attempt-failed", cause }, now);
    const failed = await imagectl("watch", "node1", "node2");
    expect(failed.code).toBe(1);
    expect(failed.stdout).toContain("the deadline passed. imagectl arm node2");
  });

  test("a restart of the server does not end it", async () => {
    await listen();
    const id = arm("node1");
    attempts.append(id, { kind: "deployed" }, now);
    const watched = imagectl("watch", "node1", "--json");
    await new Promise((resolve) => setTimeout(resolve, 100));
    await server.close();
    const verdict = { kind: "verify-finished", green: 3, red: 0, notApplicable: 0, isReady: true } as const;
    attempts.append(id, verdict, now);
    await listen();
    expect(await watched).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("waiting for it to come back"),
    });
  });

  test("a node that was never armed is refused by name", async () => {
    await listen();
    expect(await imagectl("watch", "node2")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("node2 was never armed"),
    });
    expect(await imagectl("watch", "node9")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("there is no node or group node9"),
    });
  });
});

test("nodes and events for people: a table with the cause below, and a log with its details", async () => {
  await listen();
  const id = arm("node1");
  attempts.append(id, { kind: "seed-redeemed", address: "10.77.0.11" }, now);
  attempts.append(id, { kind: "step-started", index: 6, total: 11, step: "stream-root" }, now);
  const progress = { kind: "step-progress", index: 6, totalBytes: 100, bytesPerSecond: 10 } as const;
  for (const bytes of [10, 20, 30]) attempts.append(id, { ...progress, bytes }, now);
  const logTail = "curl: (28) timed out\nzstd: \u001b[31munexpected end of file";
  attempts.append(id, { kind: "step-failed", index: 6, exitCode: 28, logTail }, now);
  const table = (await imagectl("nodes")).stdout;
  expect(table).toMatch(/^NODE +GROUP +ADDRESS +STAGE +SINCE +IMAGE$/m);
  expect(table).toMatch(/^node1 +gpu +10\.77\.0\.11 +failed/m);
  expect(table).toMatch(/^node2 +gpu +10\.77\.0\.11 +never armed$/m);
  expect(table).toContain(
    "node1: step 6 (stream-root) ended with exit code 28\n    hint: Its log's tail: imagectl events node1.",
  );
  const events = (await imagectl("events", "node1")).stdout;
  expect(events.match(/step 6: /g)).toHaveLength(1);
  expect(events).toContain("step 6: 30 B of 100 B");
  expect(events).toContain("    curl: (28) timed out\n    zstd: ?[31munexpected end of file\n");
});

test("the timeline for people: stages with the steps of the deploy between them", async () => {
  await listen();
  const id = arm("node1");
  const at = (seconds: number): Date => new Date(now.getTime() + seconds * 1000);
  attempts.append(id, { kind: "boot-offered", bootFile: "x" }, at(10));
  attempts.append(id, { kind: "seed-redeemed", address: "10.77.0.11" }, at(22));
  attempts.append(id, { kind: "step-started", index: 1, total: 1, step: "wipe-disk" }, at(23));
  attempts.append(id, { kind: "step-finished", index: 1, seconds: 1.5 }, at(25));
  attempts.append(id, { kind: "deployed" }, at(26));
  attempts.append(id, { kind: "system-reached" }, at(60));
  attempts.append(id, { kind: "verify-finished", green: 1, red: 0, notApplicable: 0, isReady: true }, at(70));
  expect((await imagectl("events", "node1", "--timeline")).stdout).toMatchInlineSnapshot(`
    "armed               10 s
    network-boot        12 s
    deploy-environment  1.0 s
    deploying           3.0 s
      1 wipe-disk       1.5 s
    deployed            34 s
    verifying           10 s
    ready
    from the first boot request to ready: 60 s
    "
  `);
  expect(JSON.parse((await imagectl("events", "node1", "--timeline", "--json")).stdout)).toMatchObject({
    bootToReadySeconds: 60,
  });
});
