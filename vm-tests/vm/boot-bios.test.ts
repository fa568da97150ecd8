import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { blankDisk } from "../../src/lab/machine-lab.ts";
import { run } from "../../src/run.ts";
import { openStore } from "../../src/store/store.ts";
import { lab, wholeCluster } from "../support/lab-cluster.ts";
import { tellAsOneStory } from "../support/story.ts";
import { untilReady } from "../support/until-ready.ts";
import { openVmLab, type VmLab } from "../support/vm-lab.ts";

// One machine with two disks, in this order.
tellAsOneStory();
let vm: VmLab;
beforeAll(async () => {
  const disk = blankDisk("bios-x86");
  vm = await openVmLab({ firmware: "bios-x86", disks: [disk, disk] });
  await vm.bastion.start();
});
afterAll(() => vm?.close());

const node = lab.node.name;
/** Whether anything was ever written to a sparse disk: its file then has blocks. */
async function isBlank(index: number): Promise<boolean> {
  const path = vm.machine.disks[index]?.path ?? "";
  const { stdout } = await run("stat", ["-c", "%b", path]);
  return stdout.trim() === "0";
}

test("two disks without a rule are refused by name, and neither is touched", async () => {
  await vm.bastion.imagectl(["arm", node]);
  await vm.machine.boot();
  const { body } = await vm.untilEvent("deploy-refused", 300);
  const said = JSON.stringify(body.findings);
  expect(said).toContain("lab-node1-0");
  expect(said).toContain("lab-node1-1");
  expect(await isBlank(0)).toBe(true);
  expect(await isBlank(1)).toBe(true);
});

test("a root archive with one flipped byte never boots: the stream step fails and the disk has no bootloader", async () => {
  vm.cluster.rewrite({ ...wholeCluster, disk: '{match: {serial: "lab-node1-1"}}' });
  await vm.bastion.imagectl(["disarm", node]);
  const mend = flipOneByte(vm.image.artefact("root.tar.zst").sha256);
  const armed = JSON.parse((await vm.bastion.imagectl(["arm", node, "--json"])).stdout);
  await vm.machine.powerOff();
  await vm.machine.boot();
  const failed = await vm.untilEvent("step-failed", 600).finally(mend);
  expect(failed.attempt).toBe(armed[0].attempt.id);
  // Whichever looks first: the archive's own checksum or the SHA-256 of the manifest.
  expect(failed.body.logTail).toMatch(/SHA-256|corruption|checksum/);
  const started = (await vm.events()).filter(({ body }) => body.kind === "step-started").at(-1)?.body;
  expect(started).toMatchObject({ step: "stream-root" });
  // What a BIOS starts from a disk is code in its first 440 bytes.
  const head = 'head -c 440 "$0" | tr -d "\\0" | wc -c';
  expect((await run("sh", ["-c", head, vm.machine.disks[1]?.path ?? ""])).stdout.trim()).toBe("0");
});

test("the next power-on of the same attempt deploys it to the disk of the rule, up to ready", async () => {
  const from = (await vm.events()).at(-1)?.id ?? 0;
  await vm.machine.powerOff();
  await vm.machine.boot();
  // Until then the attempt shows the failure of the last try.
  await vm.untilEvent("seed-redeemed", 300, from);
  await untilReady(vm, { minutes: 15 });
  expect(await isBlank(0)).toBe(true);
});

test("a node that is not armed boots its disk", async () => {
  await vm.machine.powerOff();
  const consoleBefore = vm.machine.console().length;
  await vm.machine.boot();
  await vm.machine.untilConsole(/node1 login:/, 300, consoleBefore);
  expect(await vm.sshAs("carol", ["sudo", "-n", "id", "-u"])).toMatchObject({ exitCode: 0, stdout: "0\n" });
});

/** Damages the lab's own copy of a blob. @returns a function that puts it right. */
function flipOneByte(sha256: string): () => void {
  const path = openStore(join(vm.environment.IMAGECTL_STATE ?? "", "store")).blobPath(sha256);
  const whole = readFileSync(path);
  const damaged = Buffer.from(whole);
  const middle = Math.floor(damaged.length / 2);
  damaged[middle] = (damaged[middle] ?? 0) ^ 1;
  const replace = (bytes: Uint8Array): void => {
    // The file is a hard link to everybody's store: never written to, only replaced.
    rmSync(path);
    writeFileSync(path, bytes);
  };
  replace(damaged);
  return () => replace(whole);
}
