/** When a machine came to each stage: seconds by the clock, and of the emulator's CPU, which are fit for comparing. */
import type { WatchLine } from "../../src/serve/operator-types.ts";
import { lab } from "./lab-cluster.ts";
import type { VmLab } from "./vm-lab.ts";

/** Seconds since power-on. */
export type Moment = { readonly wall: number; readonly cpu: number };

/** Since power-on. */
export function stopwatch(vm: VmLab): () => Moment {
  const startedMs = performance.now();
  return () => ({ wall: (performance.now() - startedMs) / 1000, cpu: vm.machine.cpuSeconds() });
}

/** When each stage began, up to and including ready. */
export async function followStages(vm: VmLab, elapsed: () => Moment): Promise<ReadonlyMap<string, Moment>> {
  const stages = new Map<string, Moment>();
  for await (const { attempt } of vm.operator.lines<WatchLine>("GET", `/watch?node=${lab.node.name}`)) {
    const { stage, cause } = attempt.state;
    if (!stages.has(stage)) stages.set(stage, elapsed());
    if (stage === "ready") return stages;
    if (stage === "failed") throw vm.machine.failure(cause?.message ?? "it failed");
  }
  throw new Error("the server ended the watch");
}

export function showStages(title: string, stages: ReadonlyMap<string, Moment>): string {
  const lines = [...stages].map(
    ([stage, { wall, cpu }]) =>
      `  ${stage.padEnd(20)} ${wall.toFixed(0).padStart(6)} s ${cpu.toFixed(0).padStart(6)} CPU s`,
  );
  return [title, ...lines].join("\n");
}
