import { afterAll, beforeAll, expect, test } from "vitest";
import { runThrough } from "../../src/verify/run-framed.ts";
import { lab, wholeCluster } from "../support/lab-cluster.ts";
import { tellAsOneStory } from "../support/story.ts";
import { untilReady } from "../support/until-ready.ts";
import { expectProved, openVmLab, type VmLab } from "../support/vm-lab.ts";

// One machine, in this order.
tellAsOneStory();
let vm: VmLab;
beforeAll(async () => {
  vm = await openVmLab({ firmware: "uefi-x64" });
  await vm.bastion.start();
});
afterAll(() => vm?.close());

const node = lab.node.name;
test("power-on to ready through DHCP, TFTP, iPXE and HTTP, although the server is killed in mid-stream", async () => {
  expect((await vm.bastion.imagectl(["arm", node])).stdout).toContain(`imagectl watch ${node}`);
  await vm.machine.boot();

  // EDK2's own stack has only DHCP and TFTP: the script's request proves that iPXE came by TFTP.
  await vm.untilEvent("boot-script-served", 240);
  expect(vm.bastion.log()).toMatch(/tftp/i);

  const inStream = await vm.untilEvent("step-progress", 300);
  expect(inStream.body.bytes).toBeLessThan(inStream.body.totalBytes);
  await vm.bastion.stop("SIGKILL");
  await vm.bastion.start();

  await vm.untilEvent("deployed", 600, inStream.id);
  const report = await untilReady(vm, { minutes: 15 });
  expect(report).toContain(`${node} is ready`);
});

test("every check that needs a kernel of its own is turned red by its fault", () =>
  expectProved(vm, ({ needs }) => needs.length > 0));

test("the token of the deploy is worth nothing afterwards: 410", async () => {
  const token = /imagectl\.seed=(http:\/\/\S+\/seed\/[0-9a-f]{64})/.exec(vm.machine.console())?.[1];
  expect(token, "the kernel line on the serial port holds the token").toBeDefined();
  const key = "0".repeat(64);
  const onBastion = runThrough("the bastion", [...vm.network.bastion.enter, "sh"]);
  const { stdout } = await onBastion(
    `curl -s -o /dev/null -w '%{http_code}' -X POST -H 'Authorization: Bearer ${key}' ${token}/redeem`,
    60,
  );
  expect(stdout).toBe("410");
  const refused = (await vm.events()).filter(({ body }) => body.kind === "seed-refused");
  expect(refused).toHaveLength(1);
});

test("a key that left the cluster file is refused by the running node after imagectl apply", async () => {
  expect(await vm.sshAs("alice", ["id", "-un"])).toMatchObject({ exitCode: 0, stdout: "alice\n" });
  vm.cluster.rewrite({ ...wholeCluster, users: ["carol"] });
  const applied = await vm.bastion.imagectl(["apply", node]);
  console.log(applied.stdout);
  const refused = await vm.sshAs("alice", ["id", "-un"]);
  expect(refused.exitCode).toBe(255);
  expect(refused.stderr).toContain("Permission denied (publickey)");
  expect((await vm.bastion.imagectl(["apply", node])).stdout).toContain("nothing to change");
});

test("the next power-on goes to its disk: the same system, and nothing is written anew", async () => {
  const identity = "cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub; uname -r";
  const before = await vm.machine.run(identity, 60);
  const from = (await vm.events()).at(-1)?.id ?? 0;
  await vm.machine.powerOff();
  const consoleBefore = vm.machine.console().length;
  await vm.machine.boot();
  await vm.machine.untilConsole(/node1 login:/, 400, consoleBefore);
  const after = await vm.machine.run(identity, 60);
  expect(after).toMatchObject({ exitCode: 0, stdout: before.stdout });
  const kinds = (await vm.events()).filter(({ id }) => id > from).map(({ body }) => body.kind);
  expect(kinds).not.toContain("seed-redeemed");
});
