import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import { afterEach, expect, test } from "vitest";
import { type Attempts, openAttempts } from "../nodes/attempts.ts";
import { openDatabase } from "../nodes/database.ts";
import type { NodePlan } from "../plan/plan.ts";
import { type OperatorDependencies, operatorRoutes } from "../serve/operator-routes.ts";
import { listenForOperators } from "../serve/operator-socket.ts";
import type { ReinstallAnswer, ReinstallRequestBody } from "../serve/operator-types.ts";
import { main } from "./main.ts";

const now = new Date("2026-05-04T10:00:00Z");
let folder: string;
let server: FastifyInstance;

afterEach(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

function planOf(hostname: string): NodePlan {
  return { image: {}, node: { hostname, address: "10.77.0.11" } } as unknown as NodePlan;
}

function install(attempts: Attempts, node: string): void {
  const deadline = new Date(now.getTime() + 3_600_000);
  const { id } = attempts.arm({ plan: planOf(node), imageId: "a".repeat(64), revision: "r", now, deadline });
  attempts.append(id, { kind: "deployed" }, now);
  const verdict = { kind: "verify-finished", green: 1, red: 0, notApplicable: 0, isReady: true } as const;
  attempts.append(id, verdict, now);
}

/** A server whose nodes get ready at once, but for those in `failing`. */
async function open(failing: readonly string[] = []) {
  const attempts: Attempts = openAttempts(openDatabase(":memory:"));
  const asked: ReinstallRequestBody[] = [];
  const reinstall = async (body: ReinstallRequestBody): Promise<readonly ReinstallAnswer[]> => {
    asked.push(body);
    return body.nodes.map((node) => {
      const image = { id: "b".repeat(64), os: "os-2", createdAt: "2026-05-01T00:00:00Z" };
      const installed = { os: "os-1", imageId: "a".repeat(64), since: now.toISOString() };
      const view = { node, image, installed, disk: { match: {} }, restart: "reboot" } as const;
      if (body.isDryRun) return view;
      const plan = planOf(node);
      const deadline = new Date(now.getTime() + 3_600_000);
      const attempt = attempts.arm({ plan, imageId: image.id, revision: "r", now, deadline });
      attempts.append(attempt.id, { kind: "deployed" }, now);
      const isReady = !failing.includes(node);
      const verdict = {
        kind: "verify-finished",
        green: 1,
        red: isReady ? 0 : 1,
        notApplicable: 0,
        isReady,
      } as const;
      return { ...view, attempt: attempts.append(attempt.id, verdict, now).attempt };
    });
  };
  for (const node of ["node1", "node2", "node3"]) install(attempts, node);
  const nodes = () =>
    ["node1", "node2", "node3"].map((node) => ({
      node,
      group: "gpu",
      address: "10.77.0.11",
      attempt: attempts.current(node),
    }));
  const targets = async () => ({ nodes: nodes(), groups: [{ name: "gpu", method: "golden" }] });
  folder = mkdtempSync(join(tmpdir(), "imagectl-reinstall-"));
  const dependencies = { attempts, nodes, reinstall, targets } as unknown as OperatorDependencies;
  server = await listenForOperators(join(folder, "operator.sock"), operatorRoutes(dependencies));
  return asked;
}

async function imagectl(argv: readonly string[], answer?: string) {
  const out = { stdout: "", stderr: "" };
  const io = {
    stdout: { write: (text: string) => (out.stdout += text) },
    stderr: { write: (text: string) => (out.stderr += text) },
    env: { IMAGECTL_RUN: folder, IMAGECTL_STATE: folder },
    isTty: false,
    ...(answer === undefined ? {} : { ask: async () => answer }),
  };
  return { code: await main(argv, io), ...out };
}

test("it says what happens, and without a yes nothing does", async () => {
  const asked = await open();
  const { code, stderr } = await imagectl(["reinstall", "node1"]);
  expect(code).toBe(1);
  expect(stderr).toContain("node1: os-1 (image aaaaaaaaaaaa) is replaced by os-2");
  expect(stderr).toContain("every other disk is kept");
  expect(stderr).toContain("[NOT_CONFIRMED]");
  expect(stderr).toContain("add: --yes");
  expect((await imagectl(["reinstall", "node1"], "n")).code).toBe(1);
  expect(asked.map(({ isDryRun }) => isDryRun)).toEqual([true, true]);
});

test("a yes at the terminal reinstalls and follows the node until it is ready", async () => {
  const asked = await open();
  const { code, stdout } = await imagectl(["reinstall", "node1"], "y");
  expect(code).toBe(0);
  expect(stdout).toMatch(/node1 +ready/);
  expect(asked.map(({ isDryRun }) => isDryRun)).toEqual([true, false]);
});

test("one after the other, and the first that fails keeps the rest from being touched", async () => {
  const asked = await open(["node2"]);
  const { code, stderr } = await imagectl(["reinstall", "--all", "--yes"]);
  expect(code).toBe(1);
  expect(asked.slice(1).map(({ nodes }) => nodes)).toEqual([["node1"], ["node2"]]);
  expect(stderr).toContain("not touched: node3");
});

test("--batch 2 takes two at once", async () => {
  const asked = await open();
  expect((await imagectl(["reinstall", "--all", "--yes", "--batch", "2"])).code).toBe(0);
  expect(asked.slice(1).map(({ nodes }) => nodes)).toEqual([["node1", "node2"], ["node3"]]);
});

test.each([[["reinstall"]], [["reinstall", "--all", "node1"]], [["reinstall", "node1", "--batch", "0"]]])(
  "%s is a usage error",
  async (argv) => {
    await open();
    expect((await imagectl(argv)).code).toBe(2);
  },
);
