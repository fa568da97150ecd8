/** Level 4: an armed node's whole way, watched as its operator watches it. */
import { expect } from "vitest";
import { anyExitCode } from "../../src/run.ts";
import { lab } from "./lab-cluster.ts";
import type { VmLab } from "./vm-lab.ts";

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
