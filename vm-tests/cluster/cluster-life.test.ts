import { afterAll, beforeAll, expect, test } from "vitest";
import type { QemuHost } from "../../src/lab/qemu-host.ts";
import type { NodeEvent } from "../../src/nodes/event.ts";
import { anyExitCode } from "../../src/run.ts";
import { type ClusterLab, clusterNodes, openClusterLab } from "../support/cluster-lab.ts";
import { tellAsOneStory } from "../support/story.ts";

// One cluster, in this order.
tellAsOneStory();
let cluster: ClusterLab;
beforeAll(async () => {
  cluster = await openClusterLab();
  await cluster.bastion.start();
});
afterAll(() => cluster?.close());

const names = clusterNodes.map(({ name }) => name);
const minuteMs = 60_000;
/** An imagectl command on the bastion; what it says is shown as it comes. */
const imagectl = (words: readonly string[], minutes: number) =>
  cluster.bastion.imagectl(words, {
    timeoutMs: minutes * minuteMs,
    onLine: (line) => console.log(line),
    okExitCodes: anyExitCode,
  });

const onEach = (script: string): Promise<string[]> =>
  Promise.all(
    cluster.machines.map(async (machine: QemuHost) => {
      const { exitCode, stdout, stderr } = await machine.run(script, 60);
      if (exitCode !== 0) throw machine.failure(`${script}: exit ${exitCode}: ${stderr}`);
      return stdout.trim();
    }),
  );

const eventsOf = (node: string): Promise<readonly NodeEvent[]> =>
  cluster.operator.get(`/events?node=${node}&attempts=latest`);

async function expectAllReady(): Promise<void> {
  for (const node of names) {
    const report = await imagectl(["report", node], 1);
    expect(report.stdout, node).toContain(`${node} is ready`);
  }
}

const mayAliceLogIn = (): Promise<string[]> =>
  onEach("test -s /etc/ssh/authorized_keys.d/alice && echo yes || echo no");

const file = "/srv/data/measurements";
let kept: readonly string[];

test("three blank machines are armed by one command, and become ready", async () => {
  expect((await imagectl(["arm", "--all"], 1)).exitCode).toBe(0);
  for (const machine of cluster.machines) await machine.boot();
  const watched = await imagectl(["watch", ...names], 24);
  await expectAllReady();
  expect(watched.exitCode).toBe(0);
  await onEach(`date >${file}; cat /proc/sys/kernel/random/uuid >>${file}; sync`);
  kept = await onEach(`cat ${file}`);
  expect(new Set(kept).size).toBe(names.length);
});

test("one apply brings all of them to a changed cluster file", async () => {
  expect(await mayAliceLogIn()).toEqual(["yes", "yes", "yes"]);
  cluster.writeUsers(["carol"]);
  const dry = await imagectl(["apply", "--all", "--dry-run"], 5);
  expect(dry.exitCode).toBe(2);
  expect((await imagectl(["apply", "--all"], 10)).exitCode).toBe(0);
  expect(await mayAliceLogIn()).toEqual(["no", "no", "no"]);
  expect((await imagectl(["diff", "--all"], 5)).exitCode).toBe(0);
  expect((await imagectl(["verify", "--all"], 15)).exitCode).toBe(0);
});

/** @returns the machine-ids and operating systems afterwards; every check was green. */
async function reinstallAll(): Promise<{ readonly ids: string[]; readonly systems: string[] }> {
  // Two at a time: three emulated machines on two cores are slower than any deadline of hardware expects.
  const reinstalled = await imagectl(["reinstall", "--all", "--batch", "2", "--yes"], 24);
  await expectAllReady();
  expect(reinstalled.exitCode).toBe(0);
  expect(await onEach(`cat ${file}`)).toEqual(kept);
  const ids = await onEach("cat /etc/machine-id");
  return { ids, systems: await onEach(". /etc/os-release; echo $ID-$VERSION_ID") };
}

test("they are reinstalled by kexec, without their firmware, and the data disks keep what is on them", async () => {
  const before = await onEach("cat /etc/machine-id");
  const { ids } = await reinstallAll();
  expect(ids.filter((id) => before.includes(id))).toEqual([]);
  for (const node of names) {
    const kinds = (await eventsOf(node)).map(({ body }) => body.kind);
    expect(kinds, node).toContain("deployed");
    // Neither ROM nor iPXE asked for anything: the node never left Linux.
    expect(kinds, node).not.toContain("boot-offered");
    expect(kinds, node).not.toContain("boot-script-served");
  }
});

test("set-os and reinstall bring them to Debian 13", async () => {
  expect((await imagectl(["set-os", "gpu", "debian-13"], 1)).exitCode).toBe(0);
  expect((await reinstallAll()).systems).toEqual(["debian-13", "debian-13", "debian-13"]);
});

test("and back to Debian 12", async () => {
  expect((await imagectl(["set-os", "gpu", "debian-12"], 1)).exitCode).toBe(0);
  expect((await reinstallAll()).systems).toEqual(["debian-12", "debian-12", "debian-12"]);
});
