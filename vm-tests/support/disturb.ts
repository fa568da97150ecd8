/** A deploy that something goes wrong with once in each of its stages, while nobody touches the node. */

import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import type { NodeEvent } from "../../src/nodes/event.ts";
import { anyExitCode } from "../../src/run.ts";
import { lab } from "./lab-cluster.ts";
import type { VmLab } from "./vm-lab.ts";

const node = lab.node.name;
/** How a stage is recognised: by the server's log or the node's console. */
type DisturbedStage = { readonly name: string; readonly log?: RegExp; readonly console?: RegExp };

/** In the order in which they come. */
export const disturbedStages: readonly DisturbedStage[] = [
  { name: "network boot", log: /node1 +got the deploy script/ },
  { name: "deploy environment", log: /node1 +opened its seed session/ },
  { name: "streaming", log: /node1 +step \d+: .* of .*\/s/ },
  { name: "overlay", log: /node1 +step \d+\/\d+: apply-overlay/ },
  { name: "restart", console: /restarting into the installed system/ },
  { name: "verifying", log: /node1 +\d+ acceptance checks started/ },
];

/** An emulated machine's whole way, with six disturbances of a minute, while others use the cores. Milliseconds. */
const wholeWayMs = 40 * 60_000;

/** What a test of it may take: the whole way, and time to say why it was not enough. Milliseconds. */
export const disturbedWayMs = wholeWayMs + 5 * 60_000;

/**
 * Arms the node, switches it on and runs `fault` once in each stage, as soon as the stage is seen.
 * Passes when the node gets ready in its first try, without a failed step and without a lost report.
 * @returns its events.
 */
export async function getsReadyDisturbed(
  vm: VmLab,
  fault: () => Promise<void>,
): Promise<readonly NodeEvent[]> {
  await vm.bastion.imagectl(["arm", node]);
  await vm.machine.boot();
  const over = new AbortController();
  const end = (): void => over.abort();
  const disturbing = disturbEachStage(vm, fault, over.signal);
  disturbing.catch(end);
  const [disturbed] = await Promise.all([disturbing, untilVerdict(vm, over.signal).finally(end)]);
  console.log((await vm.bastion.imagectl(["events", node, "--timeline"])).stdout);
  const report = await vm.bastion.imagectl(["verify", node, "--last"], { okExitCodes: anyExitCode });
  expect(report.exitCode, report.stdout).toBe(0);
  expect(disturbed).toEqual(disturbedStages.map(({ name }) => name));
  const events = await vm.events();
  const kinds = events.map(({ body }) => body.kind);
  expect(
    kinds.filter((kind) => kind === "seed-redeemed"),
    "one try",
  ).toHaveLength(1);
  expect(kinds).not.toContain("step-failed");
  const started = stepsOf(events, "step-started");
  expect(started.length).toBeGreaterThan(0);
  expect(stepsOf(events, "step-finished"), "each step's end was heard of").toEqual(started);
  return events;
}

/** @returns their numbers, each once: a report whose answer was lost is there twice. */
function stepsOf(events: readonly NodeEvent[], kind: "step-started" | "step-finished"): readonly number[] {
  return [...new Set(events.flatMap(({ body }) => (body.kind === kind ? [body.index] : [])))];
}

/** @returns the names of the stages that were disturbed. */
async function disturbEachStage(
  vm: VmLab,
  fault: () => Promise<void>,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const disturbed: string[] = [];
  for (const { name, log, console: said } of disturbedStages) {
    const isSeen = (): boolean =>
      log?.test(vm.bastion.log()) === true || said?.test(vm.machine.console()) === true;
    while (!isSeen()) {
      if (signal.aborted) return disturbed;
      await sleep(100);
    }
    console.log(`${new Date().toISOString()} disturbing: ${name}`);
    await fault();
    disturbed.push(name);
    console.log(`${new Date().toISOString()} undisturbed again`);
  }
  return disturbed;
}

/** @throws with QEMU's line and the serial port's last lines when there is no verdict in time. */
async function untilVerdict(vm: VmLab, signal: AbortSignal): Promise<void> {
  const until = performance.now() + wholeWayMs;
  while (!signal.aborted) {
    // A server that is being disturbed does not answer.
    const last = (await vm.events().catch(() => [])).at(-1)?.body;
    if (last?.kind === "verify-finished" || last?.kind === "attempt-failed") return;
    if (performance.now() > until) throw vm.machine.failure("neither ready nor failed");
    await sleep(2_000);
  }
}

/** What a machine's own clock says at power-on when it is so many years ahead, or behind when negative. */
export function clockYearsOff(years: number): string {
  const clock = new Date();
  clock.setUTCFullYear(clock.getUTCFullYear() + years);
  return clock.toISOString().slice(0, "2026-01-01T00:00:00".length);
}

/** Each start of a kernel says what the board's clock tells: the deploy environment's, then the installed system's. */
const clockAtStart = /setting system clock to \S+ UTC \((\d+)\)/g;

/** Seconds in which the whole story takes place: times of it are closer to now. */
const storySeconds = 3_600;

/**
 * The deploy environment started with a wrong clock, and put it right before it made the host key and before it
 * restarted: time synchronisation, which comes with the installed system, had no part in that.
 */
export async function expectClockSetByDeploy(vm: VmLab): Promise<void> {
  const { stdout } = await vm.machine.run(
    `date +%s; date -u -d "$(cat /sys/class/rtc/rtc0/date) $(cat /sys/class/rtc/rtc0/time)" +%s
stat -c %Y /etc/ssh/ssh_host_ed25519_key`,
    60,
  );
  const now = Date.now() / 1000;
  const off = (seconds: number): number => Math.abs(seconds - now);
  const atStart = [...vm.machine.console().matchAll(clockAtStart)].map(([, seconds]) => off(Number(seconds)));
  expect(atStart).toHaveLength(2);
  expect(atStart[0], "the board's clock at power-on").toBeGreaterThan(storySeconds);
  expect(atStart[1], "the board's clock after the deploy").toBeLessThan(storySeconds);
  const [system = 0, board = 0, hostKey = 0] = stdout.trim().split("\n").map(Number);
  expect(off(hostKey), "when the host key was made").toBeLessThan(storySeconds);
  // A login to a busy emulated machine takes up to a minute.
  expect(off(system), "the system's clock now").toBeLessThan(120);
  expect(off(board), "the board's clock now").toBeLessThan(120);
}
