/** Level 4: the bastion's server is stopped and started in each stage of a node's way, and the node's clock is years ahead. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { NodeEvent } from "../../src/nodes/event.ts";
import {
  clockYearsOff,
  disturbedStages,
  disturbedWayMs,
  expectClockSetByDeploy,
  getsReadyDisturbed,
} from "../support/disturb.ts";
import { tellAsOneStory } from "../support/story.ts";
import { openVmLab, type VmLab } from "../support/vm-lab.ts";

/** Long enough that the node asks a server that is not there. Milliseconds. */
const stoppedMs = 20_000;

// One machine, in this order.
tellAsOneStory();
let vm: VmLab;
beforeAll(async () => {
  vm = await openVmLab({ firmware: "uefi-x64", clock: clockYearsOff(3) });
  await vm.bastion.start();
});
afterAll(() => vm?.close());

test(
  "a node whose bastion restarts in each stage gets ready in its first try, and no event is lost",
  async () => {
    const seenBefore: (readonly NodeEvent[])[] = [];
    const events = await getsReadyDisturbed(vm, async () => {
      seenBefore.push(await vm.events());
      const stopping = performance.now();
      await vm.bastion.stop("SIGTERM");
      console.log(`stopped within ${Math.round(performance.now() - stopping)} ms`);
      await sleep(stoppedMs);
      await vm.bastion.start();
    });
    for (const seen of seenBefore) expect(events.slice(0, seen.length)).toEqual(seen);
    const stops = vm.bastion.log().match(/SIGTERM: stopping; live attempts go on/g) ?? [];
    expect(stops, "orderly ends").toHaveLength(disturbedStages.length);
    // The proof that the last stop cut off was no verdict: it was made anew.
    const kinds = events.map(({ body }) => body.kind);
    expect(kinds.filter((kind) => kind === "verify-started").length).toBeGreaterThan(1);
    expect(kinds.filter((kind) => kind === "verify-finished")).toHaveLength(1);
  },
  disturbedWayMs,
);

test("a clock three years ahead is right from the deploy on", () => expectClockSetByDeploy(vm));
