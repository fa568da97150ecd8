/** Level 4: an armed node's whole way, watched as its operator watches it. */
import { expect } from "vitest";
import { anyExitCode } from "../../src/run.ts";
import { lab } from "./lab-cluster.ts";
import type { VmLab } from "./vm-lab.ts";

/** What a report begins with when no check was red or left out. */
export const allGreen = new RegExp(`${lab.node.name} is ready: [0-9]+ checks green, 0 red, 0 not applicable`);

/** Arms the machine, switches it on, and waits until it is ready with every check green. */
export async function bringUp(vm: VmLab, limit: { readonly minutes: number }): Promise<void> {
  await vm.bastion.imagectl(["arm", lab.node.name]);
  await vm.machine.boot();
  expect(await untilReady(vm, limit)).toMatch(allGreen);
}

/**
 * Waits until the node is ready; what it says on its way, its report and the times of its events are shown.
 * @returns the report.
 */
export async function untilReady(vm: VmLab, limit: { readonly minutes: number }): Promise<string> {
  const node = lab.node.name;
  const watched = await vm.bastion.imagectl(["watch", node], {
    timeoutMs: limit.minutes * 60_000,
    onLine: (line) => console.log(line),
    okExitCodes: anyExitCode,
  });
  const report = await vm.bastion.imagectl(["verify", node, "--last"], { okExitCodes: anyExitCode });
  console.log(report.stdout);
  console.log((await vm.bastion.imagectl(["events", node, "--timeline"])).stdout);
  expect(watched.exitCode, report.stdout).toBe(0);
  return report.stdout;
}
