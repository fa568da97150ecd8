/** Home folders with a kernel that serves and mounts: deployed by our path, then used, cut off and found again. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { lab } from "../support/lab-cluster.ts";
import { asVisitor, layNfsRoad, type NfsRoad, nfsRoles, otherNodes } from "../support/nfs-lab.ts";
import { tellAsOneStory } from "../support/story.ts";
import { bringUp } from "../support/until-ready.ts";
import { expectProved, openVmLab, type VmLab } from "../support/vm-lab.ts";

// One machine, in this order. It is the server, and the node that mounts from the bastion's address.
tellAsOneStory();

const metric = "cat /var/lib/prometheus/node-exporter/imagectl-nfs-home.prom";
/** The probe asks twice a minute, for 20 s at most. Milliseconds. */
const noticed = { timeout: 120_000, interval: 2_000 };
/** How long one mount may take: systemd's DefaultTimeoutStartSec. A login goes home several times. Seconds. */
const mountPatienceSeconds = 90;
/** After a minute without an answer, TCP asks again a minute later. Milliseconds. */
const recovered = { timeout: 300_000, interval: 5_000 };

let vm: VmLab;
let road: NfsRoad;
beforeAll(async () => {
  vm = await openVmLab({ firmware: "bios-x86", cluster: { roles: nfsRoles, otherNodes } });
  road = await layNfsRoad(vm.network.bastion);
  await vm.bastion.start();
});
afterAll(() => vm?.close());

const onNode = async (script: string): Promise<string> => {
  const { exitCode, stdout, stderr } = await vm.machine.run(script, 120);
  expect(exitCode, stdout + stderr).toBe(0);
  return stdout.trim();
};
/** @returns what she sees, and how long her login took. */
const asAlice = async (command: string): Promise<{ stdout: string; exitCode: number; seconds: number }> => {
  const startedAt = performance.now();
  const { exitCode = -1, stdout } = await vm.sshAs("alice", [command]);
  return { exitCode, stdout, seconds: Math.round((performance.now() - startedAt) / 1000) };
};

test("a blank machine becomes ready, with every check of both roles green on its own kernel", async () => {
  await bringUp(vm, { minutes: 20 });
});

test("what a person writes is hers on every machine, and neither another's nor root's to read", async () => {
  expect((await asAlice("pwd; echo thesis >work")).stdout).toBe("/home/alice\n");
  expect(await onNode("stat -c '%u %g' /srv/home/alice/work; cat /srv/home/alice/work")).toBe(
    "10001 10001\nthesis",
  );
  const as = (uid: number) => `setpriv --reuid ${uid} --regid ${uid} --clear-groups`;
  const seen = await onNode(
    asVisitor(
      otherNodes[1].address,
      "vers=4.2",
      `{ ${as(10_001)} cat /mnt/alice/work; for who in "${as(10_002)}" ""; do $who cat /mnt/alice/work; done; touch /mnt/file; } 2>&1`,
    ),
  );
  const refused = "cat: /mnt/alice/work: Permission denied";
  expect(seen.split("\n")).toEqual([
    "thesis",
    refused,
    refused,
    expect.stringMatching(/^touch: .* Permission denied$/),
  ]);
});

test("no older version of NFS is served, and none to an address that no node has", async () => {
  const mount = (address: string, options: string) => onNode(asVisitor(address, options, "echo is mounted"));
  const node3 = otherNodes[1].address;
  expect(await mount(node3, "vers=4.2")).toBe("is mounted");
  for (const options of [
    "vers=4.1",
    "vers=4.0",
    "vers=3,nolock,proto=tcp,port=2049,mountproto=tcp,mountport=2049",
  ]) {
    expect(await mount(node3, options), options).toMatch(/^mount\.nfs: /);
  }
  expect(await mount("10.77.0.99", "vers=4.2")).toMatch(/^mount\.nfs: /);
});

test("each fault turns its check red, those that need a kernel's NFS as well", async () => {
  // Its own outsider has the address that ours takes.
  await vm.bastion.stop();
  const outsider = await vm.network.addOutsider(lab.outsider);
  // A server that was restarted waits 90 s for the clients of before.
  await expectProved(vm, ({ role }) => role.startsWith("nfs-"), { outsider, settleSeconds: 150 });
});

test("what is being written waits for a server that is away, nothing is lost, and the bastion still gets in", async () => {
  await expect.poll(() => onNode(metric), noticed).toBe("imagectl_nfs_home_usable 1");
  const write = "for i in $(seq 100); do echo $i; sync -d /home/alice/log; sleep 0.2; done >/home/alice/log";
  await onNode(`systemd-run --quiet --unit=imagectl-writer --uid=alice sh -c '${write}'; sleep 5`);
  await road.cut();
  // By the account of the bastion, whose home is elsewhere.
  await expect.poll(() => onNode(metric), noticed).toBe("imagectl_nfs_home_usable 0");
  const state = "wc -l </srv/home/alice/log; systemctl is-active imagectl-writer";
  const seen = await onNode(state);
  expect(seen).toMatch(/^[1-9][0-9]?\nactive$/);
  await sleep(15_000);
  expect(await onNode(state)).toBe(seen);
  await road.mend();
  await expect.poll(() => onNode("systemctl is-active imagectl-writer || :"), recovered).toBe("inactive");
  expect(await onNode("seq 100 | cmp - /srv/home/alice/log")).toBe("");
  await expect.poll(() => onNode(metric), noticed).toBe("imagectl_nfs_home_usable 1");
  expect((await asAlice("tail -n 1 log")).stdout).toBe("100\n");
});

test("it starts while the server is away, lets people in without a home, and finds it when it is back", async () => {
  await vm.bastion.start();
  await road.cut();
  await vm.machine.powerOff();
  const consoleBefore = vm.machine.console().length;
  const startedAt = performance.now();
  await vm.machine.boot();
  await vm.machine.untilConsole(/node1 login:/, 600, consoleBefore);
  console.log(`the login prompt came ${Math.round((performance.now() - startedAt) / 1000)} s after power-on`);
  await expect.poll(() => onNode(metric), noticed).toBe("imagectl_nfs_home_usable 0");
  await road.refuse();
  await expect.poll(async () => (await asAlice("pwd")).stdout, recovered).toBe("/\n");
  const { seconds, ...said } = await asAlice("id -un; pwd");
  console.log(`a login without a home took ${seconds} s`);
  expect(said).toEqual({ exitCode: 0, stdout: "alice\n/\n" });
  expect(seconds).toBeLessThan(mountPatienceSeconds);
  await road.mend();
  await expect.poll(() => onNode(metric), noticed).toBe("imagectl_nfs_home_usable 1");
  expect((await asAlice("pwd; cat work")).stdout).toBe("/home/alice\nthesis\n");
});
