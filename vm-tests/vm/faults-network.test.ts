/** Level 4: the cable is pulled in each stage of a node's way, and its clock is years behind. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  clockYearsOff,
  disturbedWayMs,
  expectClockSetByDeploy,
  getsReadyDisturbed,
} from "../support/disturb.ts";
import { lab } from "../support/lab-cluster.ts";
import { tellAsOneStory } from "../support/story.ts";
import { openVmLab, type VmLab } from "../support/vm-lab.ts";

const node = lab.node.name;

/** Longer than a switch takes to start anew. Milliseconds. */
const unpluggedMs = 60_000;

// One machine, in this order.
tellAsOneStory();
let vm: VmLab;
beforeAll(async () => {
  vm = await openVmLab({ firmware: "uefi-x64", clock: clockYearsOff(-3) });
  await vm.bastion.start();
});
afterAll(() => vm?.close());

test(
  "a node that is unplugged for a minute in each stage gets ready in its first try, and its timeline names the silence",
  async () => {
    const events = await getsReadyDisturbed(vm, async () => {
      await vm.network.setCable(`tap-${node}`, "down");
      await sleep(unpluggedMs);
      await vm.network.setCable(`tap-${node}`, "up");
    });
    const timeline = await vm.bastion.imagectl(["events", node, "--timeline"]);
    expect(timeline.stdout).toMatch(/nothing was heard for .* \(deploying, stream-root\)/);
    expect(events.map(({ body }) => body.kind)).toContain("verify-interrupted");
  },
  disturbedWayMs,
);

test("a clock three years behind is right from the deploy on", () => expectClockSetByDeploy(vm));
