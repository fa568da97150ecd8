import { describe, expect, test } from "vitest";
import type { AttemptState, EventBody, NodeEvent } from "./event.ts";
import { hasTriesLeft, reduce, reduceAll, triesPerAttempt } from "./reduce.ts";

const start = Date.parse("2026-05-04T10:00:00Z");
const armed: EventBody = {
  kind: "armed",
  planSha256: "a".repeat(64),
  imageId: "b".repeat(64),
  deadline: "2026-05-04T12:00:00.000Z",
  revision: "1234567",
};
const redeemed: EventBody = { kind: "seed-redeemed", address: "10.77.0.11" };
const offered: EventBody = { kind: "boot-offered", bootFile: "ipxe.efi" };
const toDisk: EventBody = { kind: "boot-script-served", script: "local-disk" };
const step = (index: number): EventBody => ({ kind: "step-started", index, total: 9, step: "stream-root" });
const verdict = (isReady: boolean, red: number): EventBody => ({
  kind: "verify-finished",
  green: 20,
  red,
  notApplicable: 1,
  isReady,
});

/** One event every ten seconds. */
function log(...bodies: EventBody[]): NodeEvent[] {
  return bodies.map((body, index) => ({
    id: index + 1,
    attempt: 1,
    node: "node1",
    at: new Date(start + index * 10_000).toISOString(),
    body,
  }));
}

function stateAfter(...bodies: EventBody[]): AttemptState {
  return reduceAll(log(armed, ...bodies)) as AttemptState;
}

const deployed: EventBody[] = [offered, redeemed, step(1), { kind: "deployed" }];

describe("a node's way", () => {
  test("each stage follows from the event that proves it", () => {
    const events = log(
      armed,
      offered,
      redeemed,
      step(1),
      { kind: "deployed" },
      toDisk,
      { kind: "system-reached" },
      { kind: "verify-started", checks: 21 },
      verdict(true, 0),
    );
    const stages: string[] = [];
    events.reduce<AttemptState | undefined>((state, event) => {
      const next = reduce(state, event);
      stages.push(next.stage);
      return next;
    }, undefined);
    expect(stages).toEqual([
      "armed",
      "network-boot",
      "deploy-environment",
      "deploying",
      "deployed",
      "restarting",
      "verifying",
      "verifying",
      "ready",
    ]);
  });

  test("progress belongs to the running step and goes with it", () => {
    const progress: EventBody = {
      kind: "step-progress",
      index: 1,
      bytes: 5,
      totalBytes: 10,
      bytesPerSecond: 2,
    };
    expect(stateAfter(offered, redeemed, step(1), progress).progress?.bytes).toBe(5);
    expect(stateAfter(offered, redeemed, step(1), progress, step(2))).not.toHaveProperty("progress");
    expect(stateAfter(offered, redeemed, step(2), progress)).not.toHaveProperty("progress");
  });

  test("a stage that goes on keeps its beginning, and notes when the node was heard", () => {
    const state = stateAfter(offered, offered, offered);
    expect(state.since).toBe("2026-05-04T10:00:10.000Z");
    expect(state.heardAt).toBe("2026-05-04T10:00:30.000Z");
  });

  test("after the deploy nothing of a seed session changes the state", () => {
    const state = stateAfter(...deployed);
    expect(stateAfter(...deployed, step(3))).toEqual(state);
    expect(stateAfter(...deployed, redeemed)).toEqual(state);
    expect(stateAfter(...deployed, { kind: "step-failed", index: 1, exitCode: 1, logTail: "" })).toEqual(
      state,
    );
  });
});

describe("failures", () => {
  const failed: EventBody = { kind: "step-failed", index: 1, exitCode: 28, logTail: "curl: (28) timed out" };

  test("a failed step names itself and leaves the attempt open for the next boot", () => {
    const state = stateAfter(offered, redeemed, step(1), failed);
    expect(state).toMatchObject({ stage: "failed", isLive: true, step: { name: "stream-root" } });
    expect(state.cause?.message).toBe("step 1 (stream-root) ended with exit code 28");
    expect(state.cause?.hint).toContain("2 left");
    expect(stateAfter(offered, redeemed, step(1), failed, offered)).toMatchObject({
      stage: "network-boot",
      tries: 1,
    });
  });

  test("the last try says that it was the last", () => {
    const tries = Array.from({ length: triesPerAttempt }, () => [offered, redeemed, step(1), failed]).flat();
    expect(stateAfter(...tries).cause?.hint).toContain("No try is left");
  });

  test("a refusal shows the first finding and how many more there are", () => {
    const finding = {
      code: "COMMAND_FAILED",
      where: "node1",
      message: "two disks match",
      hint: "Say which.",
      severity: "error",
    } as const;
    const state = stateAfter(offered, redeemed, { kind: "deploy-refused", findings: [finding, finding] });
    expect(state.stage).toBe("failed");
    expect(state.cause?.message).toBe("two disks match (and 1 more: imagectl events NODE)");
    expect(state.cause?.hint).toContain("Say which.");
  });

  test("an attempt that failed for good takes nothing in", () => {
    const cause = { message: "the deadline passed", hint: "imagectl arm node1" };
    const state = stateAfter(offered, { kind: "attempt-failed", cause });
    expect(state).toMatchObject({ stage: "failed", isLive: false, cause });
    expect(stateAfter(offered, { kind: "attempt-failed", cause }, redeemed, step(1))).toEqual(state);
  });

  test("red checks fail the node; a later verify can make it ready, and the reverse", () => {
    const red = stateAfter(...deployed, { kind: "system-reached" }, verdict(false, 2));
    expect(red).toMatchObject({ stage: "failed", isLive: false });
    expect(red.cause?.message).toBe("2 acceptance checks are red");
    const ready = stateAfter(
      ...deployed,
      { kind: "system-reached" },
      verdict(false, 2),
      { kind: "verify-started", checks: 3 },
      verdict(true, 0),
    );
    expect(ready).toMatchObject({ stage: "ready", isLive: false });
    expect(
      stateAfter(...deployed, { kind: "system-reached" }, verdict(true, 0), verdict(false, 1)).stage,
    ).toBe("failed");
  });

  test("a report without one green check is no proof", () => {
    expect(stateAfter(...deployed, { kind: "system-reached" }, verdict(false, 0)).cause?.message).toContain(
      "nothing",
    );
  });

  test("a disarmed attempt stays disarmed", () => {
    const state = stateAfter(offered, redeemed, { kind: "disarmed" });
    expect(state).toMatchObject({ stage: "disarmed", isLive: false });
    expect(stateAfter(offered, redeemed, { kind: "disarmed" }, step(1), { kind: "deployed" })).toEqual(state);
  });

  test("a stage that is overdue has a cause until the node is heard again", () => {
    const overdue: EventBody = { kind: "stage-overdue", stage: "armed", seconds: 300 };
    expect(stateAfter(overdue).cause?.message).toContain("nothing was heard after arming for 300 s");
    expect(stateAfter(overdue, offered)).not.toHaveProperty("cause");
    expect(stateAfter(offered, overdue)).not.toHaveProperty("cause");
  });

  test("a failure of ours is named and moves no stage", () => {
    const state = stateAfter(offered, redeemed, {
      kind: "server-failed",
      request: "POST inventory",
      message: "disk full",
    });
    expect(state.stage).toBe("deploy-environment");
    expect(state.cause?.message).toContain("POST inventory failed on our side: disk full");
  });
});

test("a log that does not begin with armed is a defect, not a state", () => {
  expect(() => reduceAll(log(offered))).toThrow("starts with boot-offered");
});

describe("a reinstall of a running node", () => {
  const told: EventBody = { kind: "restart-requested", by: "reboot" };

  test("it is shutting down until its firmware or its deploy environment is heard", () => {
    expect(stateAfter(told)).toMatchObject({ stage: "shutting-down", isLive: true });
    expect(stateAfter(told, offered).stage).toBe("network-boot");
    expect(stateAfter(told, redeemed)).toMatchObject({ stage: "deploy-environment", tries: 1 });
  });

  test("a deployed node does not go back", () => {
    expect(stateAfter(...deployed, told).stage).toBe("deployed");
  });
});

test("too little memory for the deploy environment fails with both numbers, and the next boot is another try", () => {
  const small = stateAfter(offered, { kind: "machine-too-small", memoryMiB: 256, requiredMiB: 640 });
  expect(small).toMatchObject({ stage: "failed", isLive: true, tries: 0 });
  expect(small.cause?.message).toContain("256 MiB of memory; what it is armed with needs 640 MiB");
});

describe("a rescue", () => {
  const rescue: EventBody = { ...armed, purpose: "rescue" } as EventBody;
  const stateOf = (...bodies: EventBody[]): AttemptState => reduceAll(log(rescue, ...bodies)) as AttemptState;

  test("it ends at the person who asked for it, as often as the node is switched on", () => {
    const ready: EventBody[] = [offered, redeemed, step(1), { kind: "rescue-ready" }];
    expect(stateOf(...ready)).toMatchObject({ stage: "rescue", purpose: "rescue", isLive: true });
    const again = stateOf(...ready, ...ready, ...ready, ...ready);
    expect(again.stage).toBe("rescue");
    expect(hasTriesLeft(again)).toBe(true);
  });

  test("nothing that a node reports makes a deploy of it", () => {
    const state = stateOf(redeemed, step(1), { kind: "deployed" });
    expect(state).toMatchObject({ stage: "deploy-environment", isDeployed: false, isLive: true });
  });

  test("a step of it that fails is shown", () => {
    const failed: EventBody = { kind: "step-failed", index: 2, exitCode: 1, logTail: "no sshd" };
    expect(stateOf(redeemed, failed).stage).toBe("failed");
  });

  test("a deploy is never in the stage rescue", () => {
    expect(stateAfter(redeemed, { kind: "rescue-ready" }).stage).toBe("deploy-environment");
  });
});
