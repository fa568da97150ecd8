import { expect, test } from "vitest";
import { diagnose, restartGraceSeconds } from "./diagnose.ts";
import { type AttemptState, type Stage, stages } from "./event.ts";

const heardAt = "2026-05-04T10:00:00.000Z";
const deadline = "2026-05-04T12:00:00.000Z";

function state(stage: Stage, rest: Partial<AttemptState> = {}): AttemptState {
  return { stage, since: heardAt, heardAt, deadline, tries: 0, isDeployed: false, isLive: true, ...rest };
}

function at(seconds: number): Date {
  return new Date(Date.parse(heardAt) + seconds * 1000);
}

test("a node that is silent after arming: the cause asks for power, boot order and interface", () => {
  expect(diagnose(state("armed"), at(299))).toBeUndefined();
  const diagnosis = diagnose(state("armed"), at(300));
  expect(diagnosis).toMatchObject({ kind: "overdue", stage: "armed", seconds: 300 });
  expect(diagnosis?.cause.message).toBe("network-boot: nothing was heard after arming for 300 s");
  expect(diagnosis?.cause.hint).toMatch(/powered on.*boot from the network.*interface/);
});

test("every stage on the way has a deadline, a named cause and a next action", () => {
  for (const stage of stages.filter((name) => name !== "ready")) {
    const diagnosis = diagnose(state(stage, { isDeployed: true }), at(3_000));
    expect(diagnosis, stage).toMatchObject({ kind: "overdue", stage });
    expect(diagnosis?.cause.message.length).toBeGreaterThan(20);
    expect(diagnosis?.cause.hint.length).toBeGreaterThan(20);
  }
});

test("what was said is not said again", () => {
  const cause = { message: "said", hint: "said" };
  expect(diagnose(state("armed", { cause }), at(3_000))).toBeUndefined();
});

test("the deadline ends an attempt before the deploy, in any stage", () => {
  for (const stage of ["armed", "network-boot", "deploying", "failed"] as const) {
    expect(diagnose(state(stage), at(7_199))?.kind).not.toBe("expired");
    expect(diagnose(state(stage), at(7_200)), stage).toMatchObject({ kind: "expired" });
  }
});

test("a node deployed just before the deadline gets the time to start", () => {
  const restarting = state("restarting", {
    isDeployed: true,
    heardAt: deadline,
    cause: { message: "no ssh", hint: "look" },
  });
  expect(
    diagnose(restarting, new Date(Date.parse(deadline) + (restartGraceSeconds - 1) * 1000)),
  ).toBeUndefined();
  const expired = diagnose(restarting, new Date(Date.parse(deadline) + restartGraceSeconds * 1000));
  expect(expired).toMatchObject({ kind: "expired" });
  expect(expired?.cause.message).toContain("last known: no ssh");
  expect(expired?.cause.hint).toContain("imagectl verify");
});

const threeYears = 94_608_000;

test("a clock that jumps three years ahead ends the attempt, and the cause doubts the clock", () => {
  const diagnosis = diagnose(state("deploying"), at(threeYears));
  expect(diagnosis?.kind).toBe("expired");
  expect(diagnosis?.cause.message).toMatch(/1094 days ago by the bastion's clock: is 2029-05-03T\S+ right\?/);
});

test("a clock that is set back three years leaves no disk open for three years", () => {
  const diagnosis = diagnose(state("deploying"), at(-threeYears));
  expect(diagnosis?.kind).toBe("expired");
  expect(diagnosis?.cause.message).toContain(`clock was set back by ${threeYears} s`);
  expect(diagnosis?.cause.hint).toContain("timedatectl");
});

test("a node that is deployed is waited for when the clock is set back, and the cause is said once", () => {
  const restarting = state("restarting", { isDeployed: true });
  const diagnosis = diagnose(restarting, at(-threeYears));
  expect(diagnosis).toMatchObject({ kind: "overdue", seconds: -threeYears });
  expect(diagnose({ ...restarting, cause: { message: "said", hint: "" } }, at(-threeYears))).toBeUndefined();
});

test("a clock that is corrected by minutes changes nothing", () => {
  expect(diagnose(state("deploying"), at(-600))).toBeUndefined();
});

test("an attempt that is over has no deadline", () => {
  for (const stage of ["ready", "failed", "disarmed"] as const) {
    expect(diagnose(state(stage, { isLive: false }), at(1e6))).toBeUndefined();
  }
});

test("the deadline of a rescue only ends it: nothing has failed", () => {
  const rescue = state("rescue", { purpose: "rescue" });
  expect(diagnose(rescue, at(7_199))).toBeUndefined();
  expect(diagnose(rescue, at(7_200))).toMatchObject({ kind: "rescue-over" });
});

test("a node that does not come back from a restart: power-cycle it, and that imagectl cannot", () => {
  const { cause } = diagnose(state("shutting-down"), at(420)) ?? {};
  expect(cause?.hint).toMatch(/Power-cycle it \(imagectl cannot\)/);
});

test("a system's own installer says nothing while it works, and gets the time for it", () => {
  const step = { index: 5, total: 10, name: "installer-packages" };
  const installing = state("deploying", { step });
  expect(diagnose(installing, at(1_799))).toBeUndefined();
  const diagnosis = diagnose(installing, at(1_800));
  expect(diagnosis).toMatchObject({ kind: "overdue", stage: "deploying", step: "installer-packages" });
  expect(diagnosis?.cause.message).toContain("did not come to its next turn for 1800 s");
  const ours = diagnose(state("deploying", { step: { ...step, name: "wipe-disk" } }), at(300));
  expect(ours).toMatchObject({ kind: "overdue", seconds: 300 });
  expect(ours).not.toHaveProperty("step");
});

test("its parts, or its whole ISO, come before anything of ours runs: that takes longer than our own environment", () => {
  const starting = state("deploy-environment", {});
  expect(diagnose(starting, at(200))).toMatchObject({ kind: "overdue" });
  expect(diagnose(starting, at(1_799), () => true)).toBeUndefined();
  const diagnosis = diagnose(starting, at(1_800), () => true);
  expect(diagnosis).toMatchObject({ kind: "overdue", stage: "deploy-environment", step: "installer-start" });
  expect(diagnosis?.cause.message).toContain("the system's own installer");
});

test("the step in which it reports its stages has a deadline of its own, and says where to look", () => {
  const step = { index: 3, total: 8, name: "installer-system" };
  const diagnosis = diagnose(state("deploying", { step, installer: { stage: "partitioning" } }), at(1_800));
  expect(diagnosis).toMatchObject({ kind: "overdue", stage: "deploying", step: "installer-system" });
  expect(diagnosis?.cause.message).toContain("reported no further stage for 1800 s");
  expect(diagnosis?.cause.hint).toContain("imagectl events NODE");
});
