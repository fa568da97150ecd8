/** Machines that show their numbers, a Prometheus that asks for them and tells people, booted: by the roles' checks. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { packageRoot } from "../../src/paths.ts";
import { describeCopies, makeFirstCopy } from "./backup-copies.ts";
import { describePulls } from "./backup-pulls.ts";
import { type BootedLab, onMachine, openBootedLab } from "./booted-lab.ts";
import { describeGpuUsers, gpuCount, placeGpus } from "./gpu-users.ts";
import { placeGrafana } from "./grafana.ts";
import { type Hook, openHook } from "./hook.ts";
import { lab, type TestSystem, wholeCluster } from "./lab-cluster.ts";
import { prove } from "./prove.ts";
import {
  describeSecrecy,
  describeToldPeople,
  hookPort,
  keepSlackSecret,
  otherNodes,
  toldParams,
  watchFromNode1,
} from "./told-people.ts";

const proved = new Set([
  "node-exporter",
  "gpu-exporter",
  "smartd",
  "prometheus",
  "alertmanager",
  "backup-agent",
  "backup-puller",
  "grafana",
]);
const roles = ["base", "network", "accounts", "sudo", "sshd", "firewall", ...proved];
const params = JSON.stringify({
  firewall: { allowOutgoing: true },
  "gpu-exporter": { gpus: gpuCount },
  alertmanager: toldParams,
});

/**
 * One system takes minutes: two files have them, so that they run side by side.
 * @param isTold also by a second machine that dies. The rules are the same on each system.
 */
export function describeMonitoring(os: TestSystem, { isTold }: { readonly isTold: boolean }): void {
  const options = { ...wholeCluster, os, roles, params, ...(isTold ? { otherNodes } : {}) };
  let booted: BootedLab;
  let hook: Hook;
  beforeAll(async () => {
    await keepSlackSecret();
    booted = await openBootedLab(options);
    await makeFirstCopy(booted, options);
    await watchFromNode1(booted);
    await placeGpus(booted);
    await placeGrafana(booted);
    hook = await openHook(booted.network.bastion, lab.bastion, hookPort);
  });
  afterAll(async () => {
    await hook?.close();
    await booted?.close();
  });
  const ask = (query: string): Promise<string> =>
    onMachine(booted, `promtool query instant http://127.0.0.1:9090 '${query}'`);

  test("each check of the roles is green, and its fault turns it red", async () => {
    const { report, proofs, elsewhere } = await prove({
      plan: await booted.plan(),
      vantages: booted.vantages,
      wanted: ({ role }) => proved.has(role),
      // What stands for them answers as they do.
      capabilities: ["hardware-gpu", "foreign-packages"],
      settleSeconds: 40,
    });
    expect(new Set(proofs.map(({ check }) => check.from))).toEqual(new Set(["node", "bastion", "outsider"]));
    // A namespace has no disks: smartd idles there, and what it would watch is a virtual machine's to prove.
    const needed = elsewhere.map(({ check }) => `${check.role}: ${check.needs.join(", ")}`);
    expect(needed).toEqual(["smartd: hardware-smart", "smartd: hardware-smart"]);
    expect(proofs).toHaveLength(report.results.length - elsewhere.length);
  });

  describe("the bastion's copies", () => describeCopies(() => booted));
  describeSecrecy(() => booted);
  describeGpuUsers(() => booted, ask);
  test("each number of docs/metrics.md is kept, but those of real disks and sensors", async () => {
    const rows = readFileSync(join(packageRoot, "docs/metrics.md"), "utf8").matchAll(
      /^\| .* \| (`.*`) \| (.*)\|$/gm,
    );
    const queries = [...rows]
      .filter(([, , note = ""]) => !note.startsWith("real "))
      .flatMap(([, cell = ""]) => [...cell.matchAll(/`([^`]+)`/g)].map(([, query = ""]) => query));
    expect(queries.length).toBeGreaterThan(20);
    // Whoever used a GPU before may have gone.
    const asked = (query: string) => (/^\w+$/.test(query) ? `last_over_time(${query}[1h])` : query);
    const missing = async (): Promise<string[]> => {
      const answers = await Promise.all(queries.map((query) => ask(`count(${asked(query)})`)));
      return queries.filter((_query, index) => answers[index] === "");
    };
    await expect.poll(missing, { timeout: 60_000, interval: 5_000 }).toEqual([]);
  });
  describe("the backup host", () => describePulls(() => booted, options));

  if (!isTold) return;
  describe("people", () =>
    describeToldPeople(
      () => booted,
      () => hook,
      ask,
    ));
}
