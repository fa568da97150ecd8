/** `imagectl retire` from the command line to the file and the server's answer. */
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Attempt } from "../nodes/attempts.ts";
import { packageRoot } from "../paths.ts";
import { type OperatorDependencies, operatorRoutes } from "../serve/operator-routes.ts";
import { listenForOperators } from "../serve/operator-socket.ts";
import type { NodeView } from "../serve/operator-types.ts";
import { runCaptured } from "./test-run.ts";

let folder: string;
let file: string;
let server: FastifyInstance;
let retired: string[];

const gone = { node: "old", group: undefined, address: "10.77.0.99", hasSystem: false };
const nodes: readonly NodeView[] = [
  { node: "node1", group: "gpu", address: "10.77.0.11", attempt: undefined, hasSystem: false },
  {
    ...gone,
    attempt: { state: { stage: "retired", since: "2026-05-04T10:00:00Z" }, imageId: "" } as Attempt,
  },
];

const imagectl = (...argv: string[]) => runCaptured(argv, { env: { IMAGECTL_RUN: folder } });

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "imagectl-retire-"));
  file = join(folder, "cluster.yaml");
  copyFileSync(join(packageRoot, "examples/cluster.yaml"), file);
  retired = [];
  const dependencies: Partial<OperatorDependencies> = {
    attempts: {} as OperatorDependencies["attempts"],
    status: () => ({ pid: 1, clusterFile: file, interface: "eth1", address: "10.77.0.1" }),
    nodes: () => nodes,
    targets: async () => ({ nodes, groups: [{ name: "gpu", method: "golden" }] }),
    retire: async (node) => {
      retired.push(node);
      const hostKeys = ["ssh-ed25519 AAAA"];
      return { node, attempt: undefined, wasLive: true, hostKeys, knownHostsFile: "/run/x/known_hosts" };
    },
  };
  server = await listenForOperators(
    join(folder, "operator.sock"),
    operatorRoutes(dependencies as OperatorDependencies),
  );
});

afterEach(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

test("a node leaves the file, its keys are named, and what to do next", async () => {
  const before = readFileSync(file, "utf8");
  const { code, stdout } = await imagectl("retire", "node1", "--yes");
  expect([code, retired]).toEqual([0, ["node1"]]);
  expect(readFileSync(file, "utf8")).toBe(before.replace(/nodes:\n(.*\n)*/, "nodes: {}\n"));
  for (const part of [
    "-  node1:\n",
    "node1 is retired, and disarmed",
    "  @revoked * ssh-ed25519 AAAA\n",
    "of /run/x/known_hosts as well",
    "imagectl apply --all",
  ])
    expect(stdout).toContain(part);
});

test("without a yes nothing happens, but what would is shown", async () => {
  const before = readFileSync(file, "utf8");
  const { code, stdout, stderr } = await imagectl("retire", "node1");
  expect([code, retired]).toEqual([1, []]);
  expect(stdout).toContain("-  node1:\n");
  expect(stderr).toContain("[NOT_CONFIRMED]");
  expect(readFileSync(file, "utf8")).toBe(before);
});

test("one that left the file already is retired all the same", async () => {
  const { stdout } = await imagectl("retire", "old", "--yes");
  expect(retired).toEqual(["old"]);
  expect(stdout).toContain("it was in the cluster file no more");
});

test("a group, and a name that nobody has, are refused", async () => {
  for (const name of ["gpu", "node2"]) {
    expect(await imagectl("retire", name, "--yes")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("[NODE_UNKNOWN]"),
    });
  }
  expect(retired).toEqual([]);
});

test("nodes leaves retired ones out, nodes --all shows them", async () => {
  expect((await imagectl("nodes")).stdout).not.toContain("old");
  expect((await imagectl("nodes", "--all")).stdout).toMatch(/^old +\(not in the cluster file\) .* retired /m);
});
