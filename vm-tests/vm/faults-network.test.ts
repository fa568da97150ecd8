/** Level 4: a machine with a clock that is years off, disturbed in each stage of its way, gets ready without a person. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { lab } from "../support/lab-cluster.ts";
import { openVmLab, type VmLab } from "../support/vm-lab.ts";

const node = lab.node.name;
const anyExitCode = Array.from({ length: 256 }, (_, code) => code);

/** How each stage is recognised, by the server's log or the node's console, in the order in which they come. */
const stages: readonly { readonly name: string; readonly log?: RegExp; readonly console?: RegExp }[] = [
  { name: "network boot", log: /node1 +got the deploy script/ },
  { name: "deploy environment", log: /node1 +opened its seed session/ },
  { name: "streaming", log: /node1 +step \d+: .* of .*\/s/ },
  { name: "overlay", log: /node1 +step \d+\/\d+: apply-overlay/ },
  { name: "restart", console: /restarting into the installed system/ },
  { name: "verifying", log: /node1 +\d+ acceptance checks started/ },
];

type Disturbance = {
  /** Stages that were disturbed, in order. */
  readonly done: readonly string[];
  stop(): void;
};

/** Runs `fault` once in each stage, as soon as it is seen. */
function disturb(vm: VmLab, fault: () => Promise<void>): Disturbance {
  const done: string[] = [];
  let isStopped = false;
  const follow = async (): Promise<void> => {
    for (const stage of stages) {
      const isSeen = () =>
        stage.log === undefined
          ? stage.console?.test(vm.machine.console())
          : stage.log.test(vm.bastion.log());
      while (!isStopped && !isSeen()) await sleep(100);
      if (isStopped) return;
      console.log(`${new Date().toISOString()} disturbing: ${stage.name}`);
      await fault();
      done.push(stage.name);
      console.log(`${new Date().toISOString()} undisturbed again`);
    }
  };
  void follow();
  return {
    done,
    stop: () => {
      isStopped = true;
    },
  };
}

/** Arms, switches on and waits until the node is ready, without touching it. */
async function becomesReady(vm: VmLab, disturbance: Disturbance): Promise<string> {
  await vm.machine.boot();
  const until = performance.now() + 40 * 60_000;
  for (;;) {
    const last = (await vm.events().catch(() => [])).at(-1)?.body;
    if (last?.kind === "verify-finished" || last?.kind === "attempt-failed") break;
    if (performance.now() > until)
      throw vm.machine.failure(`not ready; disturbed: ${disturbance.done.join(", ")}`);
    await sleep(2_000);
  }
  const timeline = await vm.bastion.imagectl(["events", node, "--timeline"]);
  console.log(timeline.stdout);
  const report = await vm.bastion.imagectl(["verify", node, "--last"], { okExitCodes: anyExitCode });
  expect(report.exitCode, report.stdout).toBe(0);
  expect(disturbance.done).toEqual(stages.map(({ name }) => name));
  const kinds = (await vm.events()).map(({ body }) => body.kind);
  expect(
    kinds.filter((kind) => kind === "seed-redeemed"),
    "one try",
  ).toHaveLength(1);
  expect(kinds).not.toContain("step-failed");
  return timeline.stdout;
}

/** Seconds by which a clock of the node differs from ours. */
async function clockErrors(vm: VmLab): Promise<{ readonly system: number; readonly hardware: number }> {
  const { stdout } = await vm.machine.run(
    'date +%s; date -u -d "$(cat /sys/class/rtc/rtc0/date) $(cat /sys/class/rtc/rtc0/time)" +%s',
    60,
  );
  const [system = 0, hardware = 0] = stdout.trim().split("\n").map(Number);
  const now = Date.now() / 1000;
  return { system: Math.abs(system - now), hardware: Math.abs(hardware - now) };
}

let vm: VmLab | undefined;
let disturbance: Disturbance | undefined;
afterEach(() => disturbance?.stop());

describe("the network is unplugged for a minute in each stage, and the node's clock is years behind", () => {
  beforeAll(async () => {
    vm = await openVmLab({ firmware: "uefi-x64", clock: "2023-01-01T00:00:00" });
    await vm.bastion.start();
  });
  afterAll(() => vm?.close());

  test(
    "it gets ready in its first try, the silence is in its timeline, and its clock is right",
    async () => {
      const lab = vm as VmLab;
      await lab.bastion.imagectl(["arm", node]);
      disturbance = disturb(lab, async () => {
        await lab.network.setCable(`tap-${node}`, "down");
        await sleep(60_000);
        await lab.network.setCable(`tap-${node}`, "up");
      });
      const timeline = await becomesReady(lab, disturbance);
      expect(timeline).toMatch(/nothing was heard for .* \(deploying, stream-root\)/);
      expect((await lab.events()).map(({ body }) => body.kind)).toContain("verify-interrupted");
      const { system, hardware } = await clockErrors(lab);
      expect(system).toBeLessThan(120);
      expect(hardware).toBeLessThan(120);
    },
    45 * 60_000,
  );
});
