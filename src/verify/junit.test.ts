import { expect, test } from "vitest";
import { exampleReport as report } from "./example-report.ts";
import { reportJunit, reportsJunit } from "./junit.ts";

const head = '<?xml version="1.0" encoding="UTF-8"?>';
const suite = (xml: string): string => xml.slice(head.length + 1);
const ready = { ...report, isReady: true, results: report.results.slice(0, 1) };

test("a suite is well-formed whatever a check said", () => {
  expect(reportJunit(report)).toBe(`${head}
<testsuite name="node1" timestamp="2026-01-01T00:00:00.000Z" tests="3" failures="1" skipped="1" errors="0">
  <testcase classname="example" name="the first claim (from node)" time="0.25"></testcase>
  <testcase classname="example" name="a &lt;claim&gt; with &quot;marks&quot; (from node)" time="0.25"><failure message="expected exit 0, found exit 1 "/></testcase>
  <testcase classname="example" name="a third (from node)" time="0.25"><skipped message="needs hardware-gpu"/></testcase>
</testsuite>
`);
});

test("several nodes are one document with a suite each", () => {
  const other = { ...ready, node: "node2" };
  const xml = reportsJunit([
    { kind: "report", report },
    { kind: "report", report: other },
  ]);
  expect(xml).toBe(
    `${head}\n<testsuites tests="4" failures="1" skipped="1" errors="0">\n${suite(reportJunit(report))}${suite(reportJunit(other))}</testsuites>\n`,
  );
});

test("a node without a report is an error, one that was left out is skipped: neither is missing", () => {
  const xml = reportsJunit([
    { kind: "no-report", node: "node2", reason: "ssh: <no route>" },
    { kind: "left-out", node: "node3", reason: "not armed" },
  ]);
  expect(xml).toBe(`${head}
<testsuites tests="2" failures="0" skipped="1" errors="1">
<testsuite name="node2" tests="1" failures="0" skipped="0" errors="1">
  <testcase classname="imagectl" name="the node is proved" time="0"><error message="ssh: &lt;no route&gt;"/></testcase>
</testsuite>
<testsuite name="node3" tests="1" failures="0" skipped="1" errors="0">
  <testcase classname="imagectl" name="the node is proved" time="0"><skipped message="not armed"/></testcase>
</testsuite>
</testsuites>
`);
});

test("a node of which nothing was proved is a failure, though no check of it is red", () => {
  for (const results of [[], report.results.slice(2)]) {
    expect(reportJunit({ ...report, results })).toContain('failures="1"');
    expect(reportJunit({ ...report, results })).toContain('<failure message="it is not ready: ');
  }
  expect(reportJunit(ready)).toContain('tests="1" failures="0"');
});
