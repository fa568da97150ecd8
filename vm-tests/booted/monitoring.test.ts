/** A machine that shows its numbers and a Prometheus that asks for them, booted: by the roles, and by a node that falls silent. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { acceptance } from "../../src/lab/acceptance.ts";
import { describeCopies, makeFirstCopy } from "../support/backup-copies.ts";
import { describePulls } from "../support/backup-pulls.ts";
import { type BootedLab, openBootedLab } from "../support/booted-lab.ts";
import { labSystems, wholeCluster } from "../support/lab-cluster.ts";

const proved = new Set(["node-exporter", "prometheus", "backup-agent", "backup-puller"]);
const roles = ["base", "network", "accounts", "sudo", "sshd", "firewall", ...proved];

/** NodeDown waits two minutes; what is asked every 15 seconds is judged as often. Milliseconds. */
const alertTimeoutMs = 240_000;

describe.each(labSystems)("%s", (os) => {
  const options = { ...wholeCluster, os, roles };
  let booted: BootedLab;
  beforeAll(async () => {
    booted = await openBootedLab(options);
    await makeFirstCopy(booted, options);
  });
  afterAll(() => booted?.close());

  test("each check of the roles is green, and its fault turns it red", async () => {
    const plan = await booted.plan();
    const checks = plan.node.checks.filter(({ role }) => proved.has(role));
    expect(new Set(checks.map(({ from }) => from))).toEqual(new Set(["node", "bastion", "outsider"]));
    const { proofs, elsewhere } = await acceptance({
      plan: { ...plan, node: { ...plan.node, checks } },
      vantages: booted.vantages,
      capabilities: new Set(),
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
  describe("the backup host", () => describePulls(() => booted, options));

  // It takes minutes, and the rule is the same on each system.
  if (os !== labSystems[0]) return;
  test("a machine that falls silent raises NodeDown, and its answer takes it back", async () => {
    const onMachine = async (script: string): Promise<string> => {
      const { exitCode, stdout, stderr } = await booted.host.run(script, 30);
      expect(exitCode, stdout + stderr).toBe(0);
      return stdout.trim();
    };
    const ask = (query: string) => onMachine(`promtool query instant http://127.0.0.1:9090 '${query}'`);
    const up = 'up{job="node",instance="node1",group="gpu"}';
    await expect.poll(() => ask(up), { timeout: 60_000, interval: 1_000 }).toMatch(/=> 1 @/);
    const firing = 'ALERTS{alertname="NodeDown",instance="node1",alertstate="firing"}';
    expect(await ask(firing)).toBe("");
    await onMachine("systemctl stop prometheus-node-exporter.service");
    await expect.poll(() => ask(firing), { timeout: alertTimeoutMs, interval: 2_000 }).toMatch(/=> 1 @/);
    await onMachine("systemctl start prometheus-node-exporter.service");
    await expect.poll(() => ask(firing), { timeout: 60_000, interval: 2_000 }).toBe("");
  });
});
