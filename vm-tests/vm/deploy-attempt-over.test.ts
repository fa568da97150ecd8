/** A deploy whose server is gone, and one whose attempt is over: waiting, and stopping. */
import { statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { QemuHost } from "../../src/lab/qemu-host.ts";
import { type DeployLab, openDeployLab } from "../support/deploy-lab.ts";

let deployLab: DeployLab;
let machine: QemuHost;
beforeAll(async () => {
  deployLab = await openDeployLab({ disks: [{ bytes: 8 * 1024 ** 3, bus: "nvme" }], disk: "{match: {}}" });
  machine = deployLab.machine("bios-x86");
  deployLab.startBastion();
});
beforeEach(async () => {
  await machine.powerOff();
  deployLab.setFault({});
  deployLab.forgetSession();
});
afterAll(() => deployLab?.close());

/** Changes with each block that is written to the sparse file or over it. */
function written(): number {
  return statSync(machine.disks[0]?.path ?? "").mtimeMs;
}

test("a machine with another session's token writes nothing", async () => {
  await deployLab.boot(machine);
  await deployLab.untilEvent(machine, "step-started", 300);
  await machine.powerOff();
  const before = written();
  // The same token again, as after a restart without a new boot script: the key is another one.
  const from = machine.console().length;
  await deployLab.boot(machine);
  await machine.untilConsole(/the seed token is no longer valid: redeemed with another key/, 180, from);
  expect(written()).toBe(before);
});

test("an attempt that ends in mid-stream stops the writing, and the console says why", async () => {
  const from = machine.console().length;
  await deployLab.boot(machine);
  await deployLab.untilEvent(machine, "step-progress", 300);
  deployLab.setFault({ isGone: true });
  await machine.untilConsole(/the bastion ended this attempt: the attempt is over/, 180, from);
  await machine.untilConsole(/Nothing more is written to any disk/, 10, from);
  const stopped = machine.console().length;
  const before = written();
  await sleep(40_000);
  expect(written()).toBe(before);
  // A step that still ran would have said so every 30 seconds.
  expect(machine.console().slice(stopped)).not.toMatch(/imagectl: (stream: |step )/);
});

test("a bastion that is dead for half a minute in mid-stream is waited for, and the deploy ends well", async () => {
  await deployLab.boot(machine);
  await deployLab.untilEvent(machine, "step-progress", 300);
  await deployLab.killBastion();
  await sleep(30_000);
  deployLab.startBastion();
  await deployLab.untilEvent(machine, "deployed", 600);
  const kinds = deployLab.events().map(({ kind }) => kind);
  const started = kinds.filter((kind) => kind === "step-started");
  expect(kinds.filter((kind) => kind === "step-finished")).toHaveLength(started.length);
});
