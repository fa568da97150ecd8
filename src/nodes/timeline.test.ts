import { expect, test } from "vitest";
import type { EventBody, NodeEvent } from "./event.ts";
import { timeline } from "./timeline.ts";

function log(...entries: [seconds: number, body: EventBody][]): NodeEvent[] {
  const start = Date.parse("2026-05-04T10:00:00Z");
  return entries.map(([seconds, body], index) => ({
    id: index + 1,
    attempt: 1,
    node: "node1",
    at: new Date(start + seconds * 1000).toISOString(),
    body,
  }));
}

const armed: EventBody = {
  kind: "armed",
  planSha256: "",
  imageId: "",
  deadline: "2026-05-04T12:00:00Z",
  revision: "",
};
const offered: EventBody = { kind: "boot-offered", bootFile: "x" };
const redeemed: EventBody = { kind: "seed-redeemed", address: "10.77.0.11" };

test("seconds per stage and per step, and from the first boot to ready", () => {
  const { stages, steps, bootToReadySeconds } = timeline(
    log(
      [0, armed],
      [30, offered],
      [42, redeemed],
      [43, { kind: "step-started", index: 1, total: 2, step: "wipe-disk" }],
      [45, { kind: "step-finished", index: 1, seconds: 1.5 }],
      [45, { kind: "step-started", index: 2, total: 2, step: "stream-root" }],
      [60, { kind: "step-finished", index: 2, seconds: 15 }],
      [61, { kind: "deployed" }],
      [70, offered],
      [100, { kind: "system-reached" }],
      [110, { kind: "verify-finished", green: 1, red: 0, notApplicable: 0, isReady: true }],
    ),
  );
  expect(stages.map(({ stage, seconds }) => [stage, seconds])).toEqual([
    ["armed", 30],
    ["network-boot", 12],
    ["deploy-environment", 1],
    ["deploying", 18],
    ["deployed", 9],
    ["restarting", 30],
    ["verifying", 10],
    ["ready", undefined],
  ]);
  expect(steps).toEqual([
    { index: 1, step: "wipe-disk", seconds: 1.5 },
    { index: 2, step: "stream-root", seconds: 15 },
  ]);
  expect(bootToReadySeconds).toBe(80);
});

test("silence on the way is named with its stage and step; before the boot and in a proof it is none", () => {
  const { silences } = timeline(
    log(
      [0, armed],
      [600, offered],
      [601, redeemed],
      [602, { kind: "step-started", index: 1, total: 1, step: "stream-root" }],
      [604, { kind: "step-progress", index: 1, bytes: 1, totalBytes: 2, bytesPerSecond: 1 }],
      [667, { kind: "step-progress", index: 1, bytes: 2, totalBytes: 2, bytesPerSecond: 1 }],
      [668, { kind: "step-finished", index: 1, seconds: 66 }],
      [669, { kind: "deployed" }],
      [670, { kind: "system-reached" }],
      [671, { kind: "verify-started", checks: 1 }],
      [771, { kind: "verify-finished", green: 1, red: 0, notApplicable: 0, isReady: true }],
    ),
  );
  expect(silences).toEqual([
    { stage: "deploying", step: "stream-root", seconds: 63, startedAt: "2026-05-04T10:10:04.000Z" },
  ]);
});

test("a second try shows its stages again and only its own steps", () => {
  const { stages, steps, bootToReadySeconds } = timeline(
    log(
      [0, armed],
      [1, offered],
      [2, redeemed],
      [3, { kind: "step-started", index: 1, total: 1, step: "wipe-disk" }],
      [4, { kind: "step-finished", index: 1, seconds: 1 }],
      [5, offered],
      [6, redeemed],
    ),
  );
  expect(stages.map(({ stage }) => stage)).toEqual([
    "armed",
    "network-boot",
    "deploy-environment",
    "deploying",
    "network-boot",
    "deploy-environment",
  ]);
  expect(steps).toEqual([]);
  expect(bootToReadySeconds).toBeUndefined();
});
