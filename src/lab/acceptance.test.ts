import { expect, test } from "vitest";
import type { NodePlan } from "../plan/plan.ts";
import type { Check } from "../roles/role.ts";
import type { RunAt } from "../verify/report.ts";
import { acceptance, acceptanceSummary } from "./acceptance.ts";

const check = (more: Partial<Check>): Check => ({
  role: "example",
  name: "it is well",
  from: "node",
  run: "check",
  expect: { exit: 0 },
  gate: true,
  needs: [],
  fault: { kind: "run", at: "node", run: "break", undo: "mend" },
  timeoutSeconds: 1,
  ...more,
});

/** A place whose one check answers 0 until `break`, and again from `mend` on. */
function place(
  rules: { readonly breaks?: boolean; readonly mends?: boolean; readonly dies?: boolean } = {},
): RunAt {
  const { breaks = true, mends = true, dies = false } = rules;
  let exitCode = 0;
  return async (script) => {
    if (script === "break" && breaks) exitCode = 1;
    if (script === "mend" && mends) exitCode = 0;
    if (script === "check" && exitCode === 1 && dies) throw new Error("no route to host");
    return { exitCode: script === "check" ? exitCode : script === "cannot" ? 5 : 0, stdout: "", stderr: "" };
  };
}

const accept = (checks: readonly Check[], node: RunAt, told: string[] = []) =>
  acceptance({
    plan: { node: { hostname: "node1", checks } } as unknown as NodePlan,
    vantages: { node, bastion: place(), outsider: place() },
    capabilities: new Set(),
    now: () => new Date(),
    settleSeconds: 0,
    onProgress: (line) => told.push(line),
  });

test("a check that its fault turns red, and that is green again, is proved", async () => {
  const { proofs, report } = await accept([check({})], place());
  expect(report.isReady).toBe(true);
  expect(proofs).toMatchObject([{ isProved: true, reason: "expected exit 0, found exit 1" }]);
});

test.each<[string, Check, RunAt, string]>([
  ["stays green with its fault", check({}), place({ breaks: false }), "stayed green with its fault"],
  ["stays red after the undo", check({}), place({ mends: false }), "stayed red after its fault was undone"],
  [
    "is red without a fault",
    check({ run: "cannot" }),
    place(),
    "red without a fault: expected exit 0, found exit 5",
  ],
  ["is only out of reach", check({}), place({ dies: true }), "not judged: the node could not be reached"],
  [
    "has a fault that fails",
    check({ fault: { kind: "run", at: "node", run: "cannot", undo: "mend" } }),
    place(),
    "its fault could not be injected: exit 5",
  ],
])("a check that %s is not proved", async (_name, one, node, reason) => {
  const { proofs } = await accept([one], node);
  expect(proofs[0]?.isProved).toBe(false);
  expect(proofs[0]?.reason).toContain(reason);
});

test("a fault that could not be injected once is injected again, and that is told", async () => {
  const inner = place();
  const scripts: string[] = [];
  const node: RunAt = async (script, seconds) => {
    scripts.push(script);
    if (script === "break" && scripts.filter((each) => each === "break").length === 1)
      return { exitCode: 5, stdout: "", stderr: "busy" };
    return inner(script, seconds);
  };
  const told: string[] = [];
  const { proofs } = await accept([check({})], node, told);
  expect(proofs[0]?.isProved).toBe(true);
  expect(scripts).toEqual(["check", "break", "mend", "break", "check", "mend", "check"]);
  expect(told).toContain("its fault is injected again: example: it is well (from node): exit 5: busy");
});

test("what cannot be proved here is named with its needs", async () => {
  const result = await accept([check({}), check({ needs: ["hardware-smart"] })], place());
  expect(result.elsewhere.map(({ reason }) => reason)).toEqual(["needs hardware-smart"]);
  expect(acceptanceSummary(result)).toBe(
    "2 checks: 1 proved by their fault, 0 not proved, 1 to be proved elsewhere (hardware-smart)",
  );
});
