/** What the tests of reinstalls have in common: a machine too small, a first deploy through the firmware, then one past it. */

import { expect } from "vitest";
import type { EventKind, NodeEvent } from "../../src/nodes/event.ts";
import { anyExitCode } from "../../src/run.ts";
import { lab, wholeCluster } from "./lab-cluster.ts";
import type { VmLab } from "./vm-lab.ts";

const node = lab.node.name;
/** An emulated machine from a restart to its last check; a bare-metal one needs minutes. Milliseconds. */
const wholeWayMs = 20 * 60_000;

/** Who boots through the firmware is asked for by DHCP, and gets iPXE or a script. */
const firmwareEvents: readonly EventKind[] = ["boot-offered", "boot-script-served"];

async function eventsAfter(vm: VmLab, afterId: number): Promise<readonly NodeEvent[]> {
  return (await vm.events()).filter(({ id }) => id > afterId);
}

/** MiB. */
const tooLittle = 256;
const enough = 2048;

/** A machine with 256 MiB reaches iPXE and no further; afterwards it has its memory again and is off. */
export async function refuseTooSmall(vm: VmLab): Promise<void> {
  vm.machine.setMemory(tooLittle);
  await vm.bastion.imagectl(["arm", node]);
  await vm.machine.boot();
  const { body } = await vm.untilEvent("machine-too-small", 300);
  expect(body).toMatchObject({ memoryMiB: tooLittle });
  expect(vm.machine.console()).toContain(`this machine has ${tooLittle} MiB of memory`);
  expect((await vm.bastion.imagectl(["nodes"])).stdout).toMatch(/node1.*failed/);
  expect((await vm.events()).filter(({ body: { kind } }) => kind === "seed-redeemed")).toEqual([]);
  await vm.machine.powerOff();
  await vm.bastion.imagectl(["disarm", node]);
  vm.machine.setMemory(enough);
}

/** Arms the blank machine, switches it on and waits until it is ready. */
export async function deployThroughFirmware(vm: VmLab): Promise<void> {
  vm.cluster.rewrite({ ...wholeCluster, restart: "kexec" });
  const before = (await vm.events()).at(-1)?.id ?? 0;
  await vm.bastion.imagectl(["arm", node]);
  await vm.machine.boot();
  const watched = await vm.bastion.imagectl(["watch", node], {
    timeoutMs: wholeWayMs,
    onLine: (line) => console.log(line),
    okExitCodes: anyExitCode,
  });
  const report = await vm.bastion.imagectl(["verify", node, "--last"], { okExitCodes: anyExitCode });
  expect(watched.exitCode, report.stdout).toBe(0);
  const deployed = (await eventsAfter(vm, before)).find(({ body }) => body.kind === "deployed");
  // Although its group says kexec: only a restart proves the way from the firmware to the disk.
  expect(deployed?.body).toEqual({ kind: "deployed" });
}

/** Reinstalls the running node and proves that its firmware had no part in it. */
export async function reinstallPastFirmware(vm: VmLab): Promise<void> {
  const before = (await vm.events()).at(-1)?.id ?? 0;
  const consoleBefore = vm.machine.console().length;
  const identity = await vm.machine.run("cat /etc/machine-id", 60);
  const reinstalled = await vm.bastion.imagectl(["reinstall", node, "--yes"], {
    timeoutMs: wholeWayMs,
    onLine: (line) => console.log(line),
    okExitCodes: anyExitCode,
  });
  const report = await vm.bastion.imagectl(["verify", node, "--last"], { okExitCodes: anyExitCode });
  console.log((await vm.bastion.imagectl(["events", node, "--timeline"])).stdout);
  expect(reinstalled.exitCode, report.stdout).toBe(0);
  const bodies = (await eventsAfter(vm, before)).map(({ body }) => body);
  expect(bodies.find(({ kind }) => kind === "restart-requested")).toEqual({
    kind: "restart-requested",
    by: "kexec",
  });
  expect(bodies.find(({ kind }) => kind === "deployed")).toEqual({ kind: "deployed", restart: "kexec" });
  expect(bodies.filter(({ kind }) => firmwareEvents.includes(kind))).toEqual([]);
  expect(vm.machine.console().slice(consoleBefore)).not.toMatch(/iPXE|BdsDxe|SeaBIOS|GRUB/);
  // Another system than before, not the old one that came back.
  const after = await vm.machine.run("cat /etc/machine-id", 60);
  expect(after.exitCode).toBe(0);
  expect(after.stdout).not.toBe(identity.stdout);
}
