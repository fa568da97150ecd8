/** Commands that take several nodes, against the server's end of the operator API over a real Unix socket. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ImagectlError } from "../errors.ts";
import { type Attempts, openAttempts } from "../nodes/attempts.ts";
import { type Database, openDatabase } from "../nodes/database.ts";
import type { NodePlan } from "../plan/plan.ts";
import type { Check } from "../roles/role.ts";
import { type OperatorDependencies, operatorRoutes } from "../serve/operator-routes.ts";
import { listenForOperators } from "../serve/operator-socket.ts";
import type { Report } from "../verify/report.ts";
import { runCaptured } from "./test-run.ts";

const now = new Date("2026-05-04T10:00:00Z");
let folder: string;
let database: Database;
let attempts: Attempts;
let server: FastifyInstance;

function arm(hostname: string): number {
  const plan = { image: {}, node: { hostname, address: "10.77.0.11" } } as unknown as NodePlan;
  const deadline = new Date(now.getTime() + 3_600_000);
  return attempts.arm({ plan, imageId: "i", revision: "r", now, deadline }).id;
}

const deploy = (hostname: string) => attempts.append(arm(hostname), { kind: "deployed" }, now);

function prove(hostname: string): void {
  const { attempt } = deploy(hostname);
  const verdict = { kind: "verify-finished", isReady: true, green: 1, red: 0, notApplicable: 0 } as const;
  for (const event of [{ kind: "system-reached" } as const, verdict]) attempts.append(attempt.id, event, now);
}

/** Three nodes of the group gpu, whatever was armed of them. */
async function listen(overrides: Partial<OperatorDependencies>): Promise<void> {
  const nodes = () =>
    ["node1", "node2", "node3"].map((node) => ({
      node,
      group: "gpu",
      address: "10.77.0.11",
      attempt: attempts.latest(node),
      hasSystem: attempts.installed(node) !== undefined,
    }));
  const groups = [{ name: "gpu", method: "golden" as const }];
  const dependencies = { attempts, nodes, targets: async () => ({ nodes: nodes(), groups }), ...overrides };
  server = await listenForOperators(
    join(folder, "operator.sock"),
    operatorRoutes(dependencies as OperatorDependencies),
  );
}

const imagectl = (...argv: string[]) => runCaptured(argv, { env: { IMAGECTL_RUN: folder } });

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "imagectl-several-"));
  database = openDatabase(":memory:");
  attempts = openAttempts(database);
});

afterEach(async () => {
  await server.close();
  database.close();
  rmSync(folder, { recursive: true });
});

describe("apply", () => {
  /** node2 cannot be reached; the others answer with `exitCode`. */
  const applyWith = (exitCode: number, done: string[]): OperatorDependencies["apply"] => {
    return async (node, _isDryRun, onLine) => {
      done.push(node);
      if (node === "node2") throw new ImagectlError("COMMAND_FAILED", "ssh: no route", { hint: "try it" });
      onLine("M /etc/hosts");
      return { exitCode, isReinstallNeeded: false };
    };
  };

  test("goes on after a node that failed; the summary and the exit code tell", async () => {
    const done: string[] = [];
    await listen({ apply: applyWith(0, done) });
    for (const node of ["node1", "node2", "node3"]) deploy(node);
    const { code, stdout, stderr } = await imagectl("apply", "gpu");
    expect(done).toEqual(["node1", "node2", "node3"]);
    expect(code).toBe(1);
    expect(stdout).toBe(
      "== node1\nM /etc/hosts\n== node2\n== node3\nM /etc/hosts\n3 nodes: 2 applied, 1 failed (node2)\n",
    );
    expect(stderr).toContain("node2: ssh: no route [COMMAND_FAILED]\n    hint: try it");
  });

  test("a dry run of several ends with 2 when one would change, with 1 when one failed", async () => {
    await listen({ apply: applyWith(3, []) });
    deploy("node1");
    expect(await imagectl("apply", "--all", "--dry-run")).toMatchObject({
      code: 2,
      stdout: expect.stringContaining("1 node: 1 would change (node1)\n"),
      stderr: "left out, not installed: node2, node3\n",
    });
    deploy("node2");
    expect((await imagectl("apply", "--all", "--dry-run")).code).toBe(1);
  });

  test("--json is a line per thing, each with its node, and a summary", async () => {
    await listen({ apply: applyWith(0, []) });
    deploy("node1");
    deploy("node2");
    const { stdout } = await imagectl("apply", "node1", "node2", "--json");
    const lines = stdout.trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { node: "node1", kind: "line", text: "M /etc/hosts" },
      { node: "node1", kind: "done", exitCode: 0 },
      { node: "node2", kind: "failed", error: { code: "COMMAND_FAILED", hint: "try it" } },
      {
        kind: "summary",
        nodes: [
          { node: "node1", word: "applied" },
          { node: "node2", word: "failed" },
        ],
      },
    ]);
  });

  test("neither names nor --all is a usage error, and so are both", async () => {
    await listen({});
    for (const words of [[], ["node1", "--all"]]) {
      const { code, stderr } = await imagectl("apply", ...words);
      expect([code, stderr]).toEqual([2, expect.stringContaining("hint: imagectl apply NODE|GROUP…")]);
    }
  });
});

describe("diff", () => {
  const empty = { due: [], reinstall: [], drift: [] };
  const kept = { isKeptAside: true, difference: ["-mine\u001b[31m", "+the plan's"], role: "base" };

  test("a node that is as planned is 0", async () => {
    await listen({ diff: async (node) => ({ node, ...empty }) });
    expect(await imagectl("diff", "node1")).toEqual({ code: 0, stdout: "node1: as planned\n", stderr: "" });
  });

  test("what is due stands by its remedy, and the exit code is 2", async () => {
    await listen({
      diff: async (node) => ({
        node,
        due: [{ action: "modified", what: "/etc/motd", ...kept }],
        reinstall: [{ action: "added", what: "the package htop", role: undefined }],
        drift: [
          { action: "settle", what: "cron.service start", ...kept, isKeptAside: false, difference: [] },
        ],
      }),
    });
    const { code, stdout } = await imagectl("diff", "node1");
    expect(code).toBe(2);
    expect(stdout).toBe(`node1:
  node layer, due: imagectl apply node1
    KM /etc/motd  (base)
        -mine?[31m
        +the plan's
  K: 1 changed on the node by somebody; apply keeps that text beside the file
  image layer, due: imagectl build, then imagectl reinstall node1
    A the package htop
  image layer, changed on the node since it was installed: put it back there, or reinstall
    service cron.service start  (base)
`);
  });

  test("of several, the summary names those that differ; a failure outweighs a difference", async () => {
    await listen({
      diff: async (node) => {
        if (node === "node2") throw new ImagectlError("COMMAND_FAILED", "ssh", { hint: "h" });
        return {
          node,
          ...empty,
          due: node === "node1" ? [] : [{ action: "added", what: "/etc/a", ...kept }],
        };
      },
    });
    for (const node of ["node1", "node3"]) deploy(node);
    expect(await imagectl("diff", "gpu")).toMatchObject({
      code: 2,
      stdout: expect.stringContaining("2 nodes: 1 as planned, 1 to apply (node3)\n"),
    });
    deploy("node2");
    const { code, stdout } = await imagectl("diff", "gpu", "--json");
    expect(code).toBe(1);
    const lines = stdout.trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { node: "node1", due: [] },
      { node: "node2", error: { code: "COMMAND_FAILED" } },
      { node: "node3", due: [{ what: "/etc/a" }] },
      { kind: "summary" },
    ]);
  });
});

describe("verify", () => {
  const startedAt = now.toISOString();
  const check = { role: "base", name: "it answers", from: "node", gate: true } as unknown as Check;
  const report = (node: string, outcome: "green" | "red"): Report => {
    const reason = outcome === "red" ? "expected exit 0, found exit 1" : "";
    const isReady = outcome === "green";
    return { node, startedAt, isReady, results: [{ check, outcome, reason, seconds: 1 }] };
  };
  /** node2 is red, node3 cannot be asked. */
  const listenForVerify = async () => {
    await listen({
      verify: async (node, onResult) => {
        if (node === "node3") throw new ImagectlError("VERIFY_RUNNING", "it is <busy>", { hint: "wait" });
        const answer = report(node, node === "node2" ? "red" : "green");
        for (const result of answer.results) onResult(result);
        return answer;
      },
    });
  };
  const deployAll = () => ["node1", "node2", "node3"].map((node) => deploy(node).attempt.id);

  test("each report stands under its node, and the summary says who is not ready", async () => {
    await listenForVerify();
    deployAll();
    const { code, stdout, stderr } = await imagectl("verify", "--all");
    expect(code).toBe(1);
    expect(stdout).toBe(`== node1
green  base  node  it answers  1.0 s
node1 is ready: 1 checks green, 0 red, 0 not applicable
== node2
RED  base  node  it answers  1.0 s
       expected exit 0, found exit 1
node2 is NOT ready: 0 checks green, 1 red, 0 not applicable
== node3
3 nodes: 1 ready, 1 not ready (node2), 1 could not be asked (node3)
`);
    expect(stderr).toContain(
      "node1  green           base: it answers\nnode2  red             base: it answers\n",
    );
    expect(stderr).toContain("node3: it is <busy> [VERIFY_RUNNING]\n    hint: wait");
  });

  test("--json is a line per node, as of one node, and a summary", async () => {
    await listenForVerify();
    deployAll();
    const { code, stdout } = await imagectl("verify", "--all", "--json");
    expect(code).toBe(1);
    const lines = stdout.trimEnd().split("\n");
    expect(lines[0]).toBe((await imagectl("verify", "node1", "--json")).stdout.trimEnd());
    expect(lines.slice(1).map((line) => JSON.parse(line))).toMatchObject([
      { node: "node2", isReady: false, results: [{ name: "it answers", outcome: "red" }] },
      { kind: "failed", node: "node3", error: { code: "VERIFY_RUNNING" } },
      { kind: "summary", nodes: [{ word: "ready" }, { word: "not ready" }, { word: "could not be asked" }] },
    ]);
  });

  test("--junit is one document and nothing else; who could not be asked is an error in it", async () => {
    await listenForVerify();
    deployAll();
    const { code, stdout, stderr } = await imagectl("verify", "--all", "--junit");
    expect(code).toBe(1);
    expect(stdout).toMatch(/^<\?xml .*\n<testsuites tests="3" failures="1" skipped="0" errors="1">\n/);
    expect(stdout).toMatch(/<\/testsuites>\n$/);
    expect(stdout.match(/<\?xml|<testsuite name="node\d"|<failure|<error message="[^"]*"/g)).toEqual([
      "<?xml",
      '<testsuite name="node1"',
      '<testsuite name="node2"',
      "<failure",
      '<testsuite name="node3"',
      '<error message="it is &lt;busy&gt; [VERIFY_RUNNING]"',
    ]);
    expect(stderr).toContain("3 nodes: 1 ready, 1 not ready (node2)");
  });

  test("one that was never armed is left out, and said; one that failed to be installed is asked", async () => {
    await listen({ verify: async (node) => report(node, "green") });
    deploy("node1");
    attempts.append(arm("node2"), { kind: "attempt-failed", cause: { message: "m", hint: "h" } }, now);
    const { code, stdout, stderr } = await imagectl("verify", "gpu", "--junit");
    expect([code, stderr]).toEqual([0, expect.stringContaining("\n2 nodes: 2 ready\n")]);
    expect(stdout).toContain('<testsuite name="node3" tests="1" failures="0" skipped="1" errors="0">');
    expect(stderr).toContain("left out, not installed: node3\n");
  });

  test("where all were left out, nothing was proved: that is a failure", async () => {
    await listenForVerify();
    expect(await imagectl("verify", "--all", "--junit")).toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringContaining("[NODE_NOT_DEPLOYED]"),
    });
  });

  test("--last shows what was kept, and says who has no report", async () => {
    await listenForVerify();
    const [first, second] = deployAll();
    attempts.saveReport(first as number, report("node1", "green"), now);
    attempts.saveReport(second as number, report("node2", "green"), now);
    const { code, stdout, stderr } = await imagectl("verify", "--all", "--last");
    expect(code).toBe(1);
    expect(stdout).toContain("\n3 nodes: 2 ready, 1 without a report (node3)\n");
    expect(stderr).toBe(
      "imagectl: node3: node3 has no report: its checks never ran [NODE_NOT_DEPLOYED]\n    hint: Run them: imagectl verify node3\n",
    );
  });
});

describe("arm and disarm", () => {
  describe("arm", () => {
    let asked: (readonly string[])[];
    const listenForArm = (overrides: Partial<OperatorDependencies> = {}) => {
      asked = [];
      return listen({
        arm: async ({ nodes }) => {
          asked.push(nodes);
          return [];
        },
        ...overrides,
      });
    };

    test("takes a group, or all that the network installs", async () => {
      await listenForArm();
      await imagectl("arm", "gpu");
      await imagectl("arm", "--all");
      expect(asked).toEqual(Array(2).fill(["node1", "node2", "node3"]));
    });

    test("a node with a system on its disk has to be named", async () => {
      await listenForArm();
      prove("node2");
      const { stderr } = await imagectl("arm", "--all");
      await imagectl("arm", "gpu");
      await imagectl("arm", "node2");
      expect(asked).toEqual([["node1", "node3"], ["node1", "node3"], ["node2"]]);
      expect(stderr).toContain("a system is on their disk: node2. To install them anew: imagectl reinstall");
    });

    test("one that is armed already is shown, also with an older system on its disk", async () => {
      await listenForArm();
      prove("node2");
      arm("node2");
      await imagectl("arm", "gpu");
      expect(asked).toEqual([["node1", "node2", "node3"]]);
    });

    test("where none is left, nothing is asked of the server", async () => {
      await listenForArm();
      for (const node of ["node1", "node2", "node3"]) prove(node);
      const { code, stderr } = await imagectl("arm", "--all");
      expect({ code, asked }).toEqual({ code: 1, asked: [] });
      expect(stderr).toContain("there is a system on the disk of each (node1, node2, node3) [ARM_REFUSED]");
      expect(stderr).toContain("imagectl reinstall");
    });

    test("--all leaves a group alone that is not installed by the network", async () => {
      const targets = async () => ({
        nodes: ["node1", "head"].map((node, index) => ({
          node,
          group: ["gpu", "heads"][index],
          address: "10.77.0.11",
          attempt: undefined,
          hasSystem: false,
        })),
        groups: [
          { name: "gpu", method: "golden" as const },
          { name: "heads", method: "none" as const },
        ],
      });
      await listenForArm({ targets });
      await imagectl("arm", "--all");
      expect(asked).toEqual([["node1"]]);
    });
  });

  test("disarm of a group ends what is armed there; with nothing armed it says so", async () => {
    const asked: (readonly string[])[] = [];
    await listen({
      disarm: (nodes) => {
        asked.push(nodes);
        return [];
      },
    });
    arm("node2");
    await imagectl("disarm", "gpu");
    await imagectl("disarm", "--all");
    await imagectl("disarm", "node1");
    expect(asked).toEqual([["node2"], ["node2"], ["node1"]]);
    attempts.append(attempts.latest("node2")?.id as number, { kind: "disarmed" }, now);
    expect((await imagectl("disarm", "gpu")).stdout).toBe("no node has a live attempt\n");
  });
});

describe("watch without words", () => {
  test("ends at once where no server runs, instead of waiting for its return", async () => {
    await listen({});
    await server.close();
    const { code, stderr } = await imagectl("watch");
    expect(code).toBe(1);
    expect(stderr).toContain("imagectl serve is not running");
    expect(stderr).not.toContain("went away");
  });

  test("says what it waits for where nothing was armed", async () => {
    const subscribe = (): never => {
      throw new ImagectlError("USAGE", "seen enough", { hint: "none" });
    };
    await listen({ attempts: { ...attempts, subscribe } });
    expect((await imagectl("watch")).stderr).toContain("no node was armed yet");
    arm("node1");
    expect((await imagectl("watch")).stderr).not.toContain("no node was armed yet");
  });
});
