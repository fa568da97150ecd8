import { expect, test } from "vitest";
import type { Check, Vantage } from "../roles/role.ts";
import type { CheckResult, RunAt } from "./report.ts";
import { type CheckRun, isReady, runChecks, tally } from "./run-checks.ts";

const check = (name: string, from: Vantage, more: Partial<Check> = {}): Check => ({
  role: "example",
  name,
  from,
  run: name,
  expect: { exit: 0 },
  gate: true,
  needs: [],
  fault: { kind: "remove", path: "/etc/example" },
  timeoutSeconds: 10,
  ...more,
});

const answering: RunAt = async () => ({ exitCode: 0, stdout: "", stderr: "" });
const silent: RunAt = async () => {
  throw new Error("connection timed out");
};

const runOf = (checks: readonly Check[], more: Partial<CheckRun> = {}): CheckRun => ({
  node: "node1",
  checks,
  vantages: { node: answering, bastion: answering, outsider: answering },
  capabilities: new Set(),
  now: () => new Date("2026-01-01T00:00:00Z"),
  onResult: () => {},
  ...more,
});

test("a report keeps the order of the checks, whoever was faster", async () => {
  const slow: RunAt = async () => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    return { exitCode: 0, stdout: "", stderr: "" };
  };
  const seen: string[] = [];
  const report = await runChecks(
    runOf([check("a", "node"), check("b", "bastion"), check("c", "outsider")], {
      vantages: { node: slow, bastion: answering, outsider: answering },
      onResult: (result) => seen.push(result.check.name),
    }),
  );
  expect(report.results.map((result) => result.check.name)).toEqual(["a", "b", "c"]);
  expect(seen.at(-1)).toBe("a");
  expect(report.isReady).toBe(true);
});

test("checks of one vantage point never overlap", async () => {
  let running = 0;
  let most = 0;
  const counting: RunAt = async () => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setTimeout(resolve, 5));
    running -= 1;
    return { exitCode: 0, stdout: "", stderr: "" };
  };
  await runChecks(
    runOf([check("a", "node"), check("b", "node"), check("c", "node")], {
      vantages: { node: counting, bastion: answering, outsider: answering },
    }),
  );
  expect(most).toBe(1);
});

test("a node that cannot be reached is red with the reason, and is not asked again and again", async () => {
  let asked = 0;
  const report = await runChecks(
    runOf([check("a", "node"), check("b", "node"), check("c", "bastion")], {
      vantages: {
        node: (...words) => {
          asked += 1;
          return silent(...words);
        },
        bastion: answering,
        outsider: answering,
      },
    }),
  );
  expect(asked).toBe(1);
  expect(report.results.map((result) => result.outcome)).toEqual(["red", "red", "green"]);
  expect(report.results[0]?.reason).toBe("the node could not be reached: connection timed out");
  expect(report.results[1]?.reason).toContain("not tried: the node was lost");
  expect(report.isReady).toBe(false);
});

test("a check whose need is not met is not applicable and names the need", async () => {
  const report = await runChecks(
    runOf([check("a", "node"), check("b", "node", { needs: ["kernel-modules", "hardware-gpu"] })], {
      capabilities: new Set(["hardware-gpu"]),
    }),
  );
  expect(report.results[1]).toMatchObject({ outcome: "not-applicable", reason: "needs kernel-modules" });
  expect(tally(report.results)).toEqual({ green: 1, red: 0, notApplicable: 1 });
});

const result = (outcome: CheckResult["outcome"], gate = true): CheckResult => ({
  check: check("a", "node", { gate }),
  outcome,
  reason: "",
  seconds: 0,
});

test.each<[string, CheckResult[], boolean]>([
  ["all gates green", [result("green"), result("green")], true],
  ["a gate not applicable beside a green one", [result("green"), result("not-applicable")], true],
  ["a red check that is no gate", [result("green"), result("red", false)], true],
  ["one red gate", [result("green"), result("red")], false],
  ["no check at all", [], false],
  ["nothing applicable", [result("not-applicable")], false],
  ["only green checks that are no gates", [result("green", false)], false],
])("ready with %s: %3$s", (_name, results, expected) => {
  expect(isReady(results)).toBe(expected);
});
