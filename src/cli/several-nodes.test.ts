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
import { type OperatorDependencies, operatorRoutes } from "../serve/operator-routes.ts";
import { listenForOperators } from "../serve/operator-socket.ts";
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
