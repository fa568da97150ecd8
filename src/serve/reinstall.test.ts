import { describe, expect, test } from "vitest";
import { parseCluster, requireCluster } from "../cluster/parse.ts";
import { ImagectlError } from "../errors.ts";
import { openAttempts } from "../nodes/attempts.ts";
import { openDatabase } from "../nodes/database.ts";
import { type PlanInput, planNode } from "../plan/make.ts";
import { noSecrets } from "../secrets.ts";
import type { Image } from "../store/manifest.ts";
import { reinstallNodes, rescueNodes } from "./reinstall.ts";
import type { Restarter } from "./restart.ts";

const now = new Date("2026-05-04T10:00:00Z");
const clusterOf = (address: string) =>
  requireCluster(
    parseCluster(
      `cluster: lab
network: {subnet: 10.77.0.0/24, domain: cluster, dns: [], outsider: 10.77.0.250}
bastion: {hostname: bastion, address: 10.77.0.1, interface: eth1}
users: {}
groups:
  gpu: {os: os-1, method: golden, roles: []}
nodes:
  node1: {mac: "52:54:00:77:00:11", address: ${address}, group: gpu}
  node2: {mac: "52:54:00:77:00:12", address: 10.77.0.12, group: gpu}
`,
      "cluster.yaml",
    ),
    "cluster.yaml",
  );
const inputOf = (address: string): PlanInput => ({
  cluster: clusterOf(address),
  roles: { names: [], findings: [], role: () => undefined },
  trust: { agentKey: "ssh-ed25519 A", hostCaKey: "ssh-ed25519 B" },
  operatingSystems: ["os-1"],
  makeSeed: () => undefined as never,
});
const input = inputOf("10.77.0.11");
const image = { id: "1".repeat(64), manifest: { os: "os-1", createdAt: "2026-05-01T00:00:00Z" } } as Image;

function open(restarter: Partial<Restarter> = {}) {
  const attempts = openAttempts(openDatabase(":memory:"));
  const asked: string[] = [];
  const dependencies = {
    attempts,
    findImage: async () => image,
    findAnyImage: async () => image,
    loadManifest: async () => image,
    secrets: noSecrets,
    now: () => now,
    restarter: {
      whyUnreachable: async ({ hostname, address }) => {
        asked.push(`reach ${hostname} ${address}`);
        return undefined;
      },
      restart: async ({ hostname }) => {
        asked.push(`restart ${hostname}`);
        return { by: "reboot" };
      },
      ...restarter,
    } satisfies Restarter,
  };
  const install = (name: string): void => {
    const deadline = new Date(now.getTime() + 3_600_000);
    const { id } = attempts.arm({
      plan: planNode(input, name),
      imageId: "0".repeat(64),
      revision: "r",
      now,
      deadline,
    });
    attempts.append(id, { kind: "deployed" }, now);
    attempts.append(id, { kind: "verify-finished", green: 1, red: 0, notApplicable: 0, isReady: true }, now);
  };
  const reinstall = (nodes: readonly string[], options: { isDryRun?: boolean; from?: PlanInput } = {}) =>
    reinstallNodes(dependencies, options.from ?? input, "abc", {
      nodes,
      deadlineSeconds: 3_600,
      isDryRun: options.isDryRun ?? false,
    });
  const rescue = (nodes: readonly string[], isNow: boolean) =>
    rescueNodes(dependencies, input, "abc", { nodes, deadlineSeconds: 3_600, isNow });
  return { attempts, asked, install, reinstall, rescue };
}

test("a node is armed, then told to restart; until it asks what to boot it is shutting down", async () => {
  const { attempts, asked, install, reinstall } = open();
  install("node1");
  const [answer] = await reinstall(["node1"]);
  expect(asked).toEqual(["reach node1 10.77.0.11", "restart node1"]);
  expect(answer).toMatchObject({ node: "node1", restart: "reboot", installed: { os: "os-1" } });
  expect(attempts.latest("node1")?.state).toMatchObject({
    stage: "shutting-down",
    isLive: true,
    isDeployed: false,
  });
});

test("a dry run says the same without arming or restarting any", async () => {
  const { attempts, asked, reinstall } = open();
  const answers = await reinstall(["node1", "node2"], { isDryRun: true });
  expect(answers.map(({ node }) => node)).toEqual(["node1", "node2"]);
  expect(answers.every(({ attempt }) => attempt === undefined)).toBe(true);
  expect(attempts.latestOfAll()).toEqual([]);
  expect(asked.filter((line) => line.startsWith("restart"))).toEqual([]);
});

test("one unreachable node: nothing is armed, and the way by hand is named", async () => {
  const { attempts, reinstall } = open({
    whyUnreachable: async ({ hostname }) => (hostname === "node2" ? "it is off" : undefined),
  });
  const refusal = await reinstall(["node1", "node2"]).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(ImagectlError);
  expect(refusal).toMatchObject({
    code: "REINSTALL_REFUSED",
    findings: [
      { code: "NODE_UNREACHABLE", where: "node2", hint: expect.stringContaining("imagectl arm node2") },
    ],
  });
  expect(attempts.latestOfAll()).toEqual([]);
});

test("a node with a live attempt is refused: one attempt at a time may write to its disk", async () => {
  const { attempts, reinstall } = open();
  await reinstall(["node1"]);
  await expect(reinstall(["node1"])).rejects.toMatchObject({
    findings: [{ code: "NODE_ALREADY_ARMED", hint: expect.stringContaining("imagectl disarm node1") }],
  });
  expect(attempts.latestOfAll()).toHaveLength(1);
});

test("a node that does not take the order is disarmed, and the others go on", async () => {
  const { attempts, reinstall } = open({
    restart: async ({ hostname }) => {
      if (hostname === "node1") throw new Error("no systemd-run");
      return { by: "reboot" };
    },
  });
  const answers = await reinstall(["node1", "node2"]);
  expect(answers.map(({ problem }) => problem)).toEqual(["no systemd-run", undefined]);
  expect(attempts.latest("node1")?.state).toMatchObject({ stage: "disarmed", isLive: false });
  expect(attempts.latest("node2")?.state.stage).toBe("shutting-down");
});

test("a node whose address changes in the file is reached where it still is", async () => {
  const { asked, install, reinstall } = open();
  install("node1");
  const [answer] = await reinstall(["node1"], { from: inputOf("10.77.0.99") });
  expect(asked[0]).toBe("reach node1 10.77.0.11");
  expect(answer?.attempt?.address).toBe("10.77.0.99");
});

describe("a rescue", () => {
  test("waits for a power cycle, asks nothing of the node, and keeps what is installed", async () => {
    const { attempts, asked, install, rescue } = open({ whyUnreachable: async () => "it is off" });
    install("node1");
    const [answer] = await rescue(["node1"], false);
    expect(asked).toEqual([]);
    expect(answer?.attempt.state).toMatchObject({ stage: "armed", purpose: "rescue" });
    expect(attempts.installed("node1")?.id).toBe(1);
  });

  test("--now restarts the running system, or says how to do it by hand", async () => {
    const reachable = open();
    expect((await reachable.rescue(["node1"], true))[0]?.attempt.state.stage).toBe("shutting-down");
    const off = open({ whyUnreachable: async () => "it is off" });
    await expect(off.rescue(["node1"], true)).rejects.toMatchObject({
      code: "RESCUE_REFUSED",
      findings: [{ hint: "Do it by hand: imagectl rescue node1, then switch it off and on." }],
    });
    expect(off.attempts.latestOfAll()).toEqual([]);
  });
});
