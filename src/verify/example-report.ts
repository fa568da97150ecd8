/** For tests of what shows reports: one of each outcome, with what is awkward in XML and in a terminal. */
import type { Check } from "../roles/role.ts";
import type { CheckResult, Report } from "./report.ts";

export const exampleResult = (
  check: Pick<Check, "role" | "name">,
  more: Partial<CheckResult>,
): CheckResult => ({
  check: {
    ...check,
    from: "node",
    run: "true",
    expect: { exit: 0 },
    gate: true,
    needs: [],
    fault: { kind: "remove", path: "/x" },
    timeoutSeconds: 1,
  },
  outcome: "green",
  reason: "",
  seconds: 0.25,
  ...more,
});

const result = (name: string, more: Partial<CheckResult>) => exampleResult({ role: "example", name }, more);

export const exampleReport: Report = {
  node: "node1",
  startedAt: "2026-01-01T00:00:00.000Z",
  isReady: false,
  results: [
    result("the first claim", {}),
    result('a <claim> with "marks"', { outcome: "red", reason: "expected exit 0, found exit 1 \u0007" }),
    result("a third", { outcome: "not-applicable", reason: "needs hardware-gpu" }),
  ],
};
