import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import { afterEach, expect, test } from "vitest";
import { openAttempts } from "../nodes/attempts.ts";
import { openDatabase } from "../nodes/database.ts";
import type { NodePlan } from "../plan/plan.ts";
import { type OperatorDependencies, operatorRoutes } from "../serve/operator-routes.ts";
import { listenForOperators } from "../serve/operator-socket.ts";
import type { RescueAnswer, RescueRequestBody } from "../serve/operator-types.ts";
import { main } from "./main.ts";

const now = new Date("2026-05-04T10:00:00Z");
let folder: string;
let server: FastifyInstance;

afterEach(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

/** A server whose node is in its rescue system at once. */
async function open() {
  const attempts = openAttempts(openDatabase(":memory:"));
  const asked: RescueRequestBody[] = [];
  const rescue = async (body: RescueRequestBody): Promise<readonly RescueAnswer[]> => {
    asked.push(body);
    return body.nodes.map((node) => {
      const plan = { image: {}, node: { hostname: node, address: "10.77.0.11" } } as unknown as NodePlan;
      const deadline = new Date(now.getTime() + body.deadlineSeconds * 1000);
      const request = { plan, imageId: "b".repeat(64), revision: "r", now, deadline };
      const attempt = attempts.arm({ ...request, purpose: "rescue" });
      if (body.isNow) attempts.append(attempt.id, { kind: "rescue-ready" }, now);
      return { node, attempt };
    });
  };
  const nodes = () => [
    { node: "node1", group: "gpu", address: "10.77.0.11", attempt: attempts.current("node1") },
  ];
  const targets = async () => ({ nodes: nodes(), groups: [{ name: "gpu", method: "golden" }] });
  folder = mkdtempSync(join(tmpdir(), "imagectl-rescue-"));
  const dependencies = { attempts, nodes, rescue, targets } as unknown as OperatorDependencies;
  server = await listenForOperators(join(folder, "operator.sock"), operatorRoutes(dependencies));
  return asked;
}

async function imagectl(...argv: readonly string[]) {
  const out = { stdout: "", stderr: "" };
  const io = {
    stdout: { write: (text: string) => (out.stdout += text) },
    stderr: { write: (text: string) => (out.stderr += text) },
    env: { IMAGECTL_RUN: folder, IMAGECTL_STATE: folder },
    isTty: false,
  };
  return { code: await main(argv, io), ...out };
}

test("without --now it waits for a power cycle and says how to log in afterwards", async () => {
  const asked = await open();
  const { code, stdout } = await imagectl("rescue", "gpu");
  expect(code).toBe(0);
  expect(asked).toEqual([{ nodes: ["node1"], deadlineSeconds: 14_400, isNow: false }]);
  expect(stdout).toContain("node1  rescue until 2026-05-04T14:00:00.000Z");
  expect(stdout).toContain("Switch it off and on");
  expect(stdout).toMatch(
    /log in: ssh -i \S+ -o UserKnownHostsFile=\S+known_hosts -o HostKeyAlias=node1 .*root@10.77.0.11/,
  );
  expect(stdout).toContain("imagectl disarm node1");
});

test("--now restarts a running system, so it asks first", async () => {
  const asked = await open();
  const { code, stderr } = await imagectl("rescue", "node1", "--now");
  expect(code).toBe(1);
  expect(stderr).toContain("[NOT_CONFIRMED]");
  // What is wrong with the command line comes before the question.
  expect((await imagectl("rescue", "node1", "--now", "--deadline", "soon")).stderr).toContain("soon");
  expect(asked).toEqual([]);
});

test("--now --yes follows the node until somebody can log in", async () => {
  await open();
  const { code, stdout } = await imagectl("rescue", "node1", "--now", "--yes");
  expect(code).toBe(0);
  expect(stdout).toMatch(/node1 +rescue/);
  expect(stdout).toContain("log in: ssh");
});
