import { expect, test } from "vitest";
import type { Attempt } from "../nodes/attempts.ts";
import type { AttemptState, NodeEvent } from "../nodes/event.ts";
import { closingLines, follow, fractionDone, verdictOf, type Watched, watchLine } from "./watch-view.ts";

const armedAt = "2026-05-04T10:00:00.000Z";
const now = new Date("2026-05-04T10:01:12.000Z");

function attempt(state: Partial<AttemptState>, node = "node1"): Attempt {
  return {
    id: 1,
    node,
    address: "10.77.0.11",
    armedAt,
    planSha256: "p",
    imageId: "i",
    revision: "r",
    state: {
      stage: "armed",
      since: armedAt,
      heardAt: armedAt,
      deadline: "2026-05-04T12:00:00.000Z",
      tries: 0,
      isDeployed: false,
      isLive: true,
      ...state,
    },
  };
}

function event(body: NodeEvent["body"]): NodeEvent {
  return { id: 1, attempt: 1, node: "node1", at: armedAt, body };
}

const streaming = attempt({
  stage: "deploying",
  step: { index: 6, total: 11, name: "stream-root" },
  progress: { bytes: 50, totalBytes: 100, bytesPerSecond: 112e6 },
});

test("a line has stage, bar, rate, elapsed time and the last message", () => {
  const watched = follow(undefined, {
    attempt: streaming,
    event: event({ kind: "step-started", index: 6, total: 11, step: "stream-root" }),
  });
  expect(watchLine(watched, now, 200)).toBe(
    "node1       deploying           [#########...........]    112 MB/s          72 s  step 6/11: stream-root",
  );
});

test("a watch that begins late shows what happened last", () => {
  const last = event({ kind: "step-started", index: 6, total: 11, step: "stream-root" });
  expect(follow(undefined, { attempt: streaming, last }).message).toBe("step 6/11: stream-root");
});

test("a line is never longer than the terminal", () => {
  const watched: Watched = { attempt: streaming, message: "x".repeat(500) };
  expect(watchLine(watched, now, 100)).toHaveLength(100);
});

test("progress moves the bar and leaves the message", () => {
  const started = follow(undefined, {
    attempt: streaming,
    event: event({ kind: "step-started", index: 6, total: 11, step: "stream-root" }),
  });
  const progress = event({ kind: "step-progress", index: 6, bytes: 60, totalBytes: 100, bytesPerSecond: 1 });
  expect(follow(started, { attempt: streaming, event: progress }).message).toBe("step 6/11: stream-root");
});

test("what an installer says of itself is told with the step that it is a part of", () => {
  const installing = attempt({
    stage: "deploying",
    step: { index: 3, total: 8, name: "installer-system" },
    installer: { stage: "partitioning" },
  });
  const said = event({ kind: "installer-report", stage: "partitioning", text: "configuring storage" });
  expect(follow(undefined, { attempt: installing, event: said }).message).toBe(
    "step 3/8: the installer partitions the disk (configuring storage)",
  );
  const before = event({ kind: "installer-report", stage: "cloud-init", text: "" });
  const early = attempt({ stage: "deploy-environment" });
  expect(follow(undefined, { attempt: early, event: before }).message).toBe("cloud-init runs");
});

test("the bar only grows on the way to ready", () => {
  const way = [
    attempt({ stage: "armed" }),
    attempt({ stage: "network-boot" }),
    attempt({ stage: "deploy-environment" }),
    attempt({ stage: "deploying", step: { index: 1, total: 11, name: "set-clock" } }),
    streaming,
    attempt({ stage: "deploying", step: { index: 11, total: 11, name: "unmount-target" } }),
    attempt({ stage: "deployed" }),
    attempt({ stage: "restarting" }),
    attempt({ stage: "verifying" }),
    attempt({ stage: "ready" }),
  ].map(({ state }) => fractionDone(state));
  expect(way).toEqual([...way].sort((left, right) => left - right));
  expect(way.at(-1)).toBe(1);
});

test("a cause takes the place of the message, with the node's name in its hint", () => {
  const cause = { message: "step 4 ended with exit code 28", hint: "imagectl events NODE" };
  const watched = follow(undefined, { attempt: attempt({ stage: "failed", cause }) });
  expect(watched.message).toBe("step 4 ended with exit code 28. imagectl events node1");
});

test("what a node sends cannot move the cursor", () => {
  const cause = { message: "\u001b[2J", hint: "" };
  expect(follow(undefined, { attempt: attempt({ stage: "failed", cause }) }).message).toBe("?[2J. ");
});

test.each([
  [["ready", "ready"], "ready"],
  [["ready", "verifying"], "under-way"],
  [["ready", "failed"], "failed"],
  [["failed", "deploying"], "under-way"],
  [["disarmed", "ready"], "failed"],
] as const)("nodes in %j are together %s", (stages, verdict) => {
  const names = stages.map((_stage, index) => `node${index}`);
  const watched = new Map(
    stages.map((stage, index) => [
      `node${index}`,
      { attempt: attempt({ stage }, `node${index}`), message: "" },
    ]),
  );
  expect(verdictOf(names, watched)).toBe(verdict);
});

test("a node of which nothing was heard yet is under way", () => {
  expect(verdictOf(["node1"], new Map())).toBe("under-way");
});

test("of a node that was just armed it says what it waits for", () => {
  const deadline = "2026-05-04T12:00:00.000Z";
  const armed = event({ kind: "armed", deadline, imageId: "i", planSha256: "p", revision: "r" });
  const watched = follow(undefined, { attempt: attempt({}), event: armed });
  expect(watchLine(watched, now, 200)).toMatch(/ {2}waits for its network boot: switch it on \(armed until /);
});

test("in the end a cause is said whole, and of a few nodes how to get in", () => {
  const ready = (node: string) =>
    follow(undefined, { attempt: attempt({ stage: "ready", isLive: false }, node) });
  const cause = { message: "2 acceptance checks are red", hint: "See which: imagectl verify NODE --last" };
  const failed = follow(undefined, { attempt: attempt({ stage: "failed", isLive: false, cause }, "node2") });
  expect(closingLines([ready("node1"), failed])).toBe(
    "node1: ssh NAME@10.77.0.11. Its report: imagectl report node1 --html --out node1.html\n" +
      "node2: 2 acceptance checks are red. See which: imagectl verify node2 --last\n",
  );
  expect(closingLines(["a", "b", "c", "d"].map(ready))).toBe("");
});
