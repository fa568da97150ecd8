/** Machines that show their numbers, a Prometheus that asks for them and tells people, booted: by the roles, and by a machine that dies. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { acceptance } from "../../src/lab/acceptance.ts";
import { describeCopies, makeFirstCopy } from "../support/backup-copies.ts";
import { describePulls } from "../support/backup-pulls.ts";
import { type BootedLab, onMachine, openBootedLab } from "../support/booted-lab.ts";
import { describeGpuUsers, gpuCount, placeGpus } from "../support/gpu-users.ts";
import { type Hook, openHook } from "../support/hook.ts";
import { lab, labSystems, wholeCluster } from "../support/lab-cluster.ts";
import {
  describeSecrecy,
  describeToldPeople,
  hookPort,
  keepSlackSecret,
  otherNodes,
  toldParams,
  watchFromNode1,
} from "../support/told-people.ts";

const proved = new Set([
  "node-exporter",
  "gpu-exporter",
  "prometheus",
  "alertmanager",
  "backup-agent",
  "backup-puller",
]);
const roles = ["base", "network", "accounts", "sudo", "sshd", "firewall", ...proved];
const params = JSON.stringify({
  firewall: { allowOutgoing: true },
  "gpu-exporter": { gpus: gpuCount },
  alertmanager: toldParams,
});

describe.each(labSystems)("%s", (os) => {
  const isFirst = os === labSystems[0];
  const options = { ...wholeCluster, os, roles, params, ...(isFirst ? { otherNodes } : {}) };
  let booted: BootedLab;
  let hook: Hook;
  beforeAll(async () => {
    await keepSlackSecret();
    booted = await openBootedLab(options);
    await makeFirstCopy(booted, options);
    await watchFromNode1(booted);
    await placeGpus(booted);
    hook = await openHook(booted.network.bastion, lab.bastion, hookPort);
  });
  afterAll(async () => {
    await hook?.close();
    await booted?.close();
  });
  const ask = (query: string): Promise<string> =>
    onMachine(booted, `promtool query instant http://127.0.0.1:9090 '${query}'`);

  test("each check of the roles is green, and its fault turns it red", async () => {
    const plan = await booted.plan();
    const checks = plan.node.checks.filter(({ role }) => proved.has(role));
    expect(new Set(checks.map(({ from }) => from))).toEqual(new Set(["node", "bastion", "outsider"]));
    const { proofs, elsewhere } = await acceptance({
      plan: { ...plan, node: { ...plan.node, checks } },
      vantages: booted.vantages,
      // What stands for them answers as they do.
      capabilities: new Set(["hardware-gpu"]),
      now: () => new Date(),
      settleSeconds: 20,
      onProgress: (line) => console.log(line),
    });
    const unproved = proofs.filter(({ isProved }) => !isProved);
    expect(unproved.map(({ check, reason }) => `${check.name}: ${reason}`)).toEqual([]);
    expect(proofs).toHaveLength(checks.length);
    expect(elsewhere).toEqual([]);
  });

  describe("the bastion's copies", () => describeCopies(() => booted));
  describeSecrecy(() => booted);
  describeGpuUsers(() => booted, ask);
  describe("the backup host", () => describePulls(() => booted, options));

  // It takes minutes, and the rule is the same on each system.
  if (!isFirst) return;
  describe("people", () =>
    describeToldPeople(
      () => booted,
      () => hook,
      ask,
    ));
});
