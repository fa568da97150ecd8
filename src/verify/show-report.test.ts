import { expect, test } from "vitest";
import type { CheckResult, Report } from "./report.ts";
import { reportJson, reportJunit, reportSummary, reportTable } from "./show-report.ts";

const result = (name: string, more: Partial<CheckResult>): CheckResult => ({
  check: {
    role: "example",
    name,
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

const report: Report = {
  node: "node1",
  startedAt: "2026-01-01T00:00:00.000Z",
  isReady: false,
  results: [
    result("the first claim", {}),
    result('a <claim> with "marks"', { outcome: "red", reason: "expected exit 0, found exit 1 \u0007" }),
    result("a third", { outcome: "not-applicable", reason: "needs hardware-gpu" }),
  ],
};

test("the table has one aligned line per check, reasons below, the summary last", () => {
  expect(reportTable(report).split("\n")).toEqual([
    "green  example  node  the first claim         0.3 s",
    'RED    example  node  a <claim> with "marks"  0.3 s',
    "       expected exit 0, found exit 1 \u0007",
    "n/a    example  node  a third                 0.3 s",
    "       needs hardware-gpu",
    "node1 is NOT ready: 1 checks green, 1 red, 1 not applicable",
    "",
  ]);
});

test("a red check that is no gate is shown as a warning", () => {
  const [, red] = report.results;
  if (red === undefined) throw new Error("the example has two results");
  const warned = { ...report, isReady: true, results: [{ ...red, check: { ...red.check, gate: false } }] };
  expect(reportTable(warned)).toMatch(/^warn {2}example/);
  expect(reportSummary(warned)).toContain("node1 is ready");
});

test("JSON names each check and its outcome", () => {
  const read = JSON.parse(reportJson(report));
  expect(read.isReady).toBe(false);
  expect(read.results[1]).toEqual({
    role: "example",
    name: 'a <claim> with "marks"',
    from: "node",
    gate: true,
    outcome: "red",
    reason: "expected exit 0, found exit 1 \u0007",
    seconds: 0.25,
  });
});

test("JUnit is well-formed whatever a check said", () => {
  const xml = reportJunit(report);
  expect(xml).toContain('tests="3" failures="1" skipped="1"');
  expect(xml).toContain('name="a &lt;claim&gt; with &quot;marks&quot; (from node)"');
  expect(xml).toContain('<failure message="expected exit 0, found exit 1 "/>');
});
