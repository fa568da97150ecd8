import { expect, test } from "vitest";
import { exampleReport as report } from "./example-report.ts";
import { reportJson, reportSummary, reportTable } from "./show-report.ts";

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
