/** Shows a report: as a table for people, as JSON for programs, as JUnit for CI. */
import { xmlText } from "../xml-text.ts";
import type { CheckResult, Report } from "./report.ts";
import { tally } from "./run-checks.ts";

const marks: Readonly<Record<CheckResult["outcome"], string>> = {
  green: "green",
  red: "RED",
  "not-applicable": "n/a",
};

/** One line per check, its reason below when it is not green; the summary last, where the eye ends up. */
export function reportTable(report: Report): string {
  const rows = report.results.map((result) => [
    markOf(result),
    result.check.role,
    result.check.from,
    result.check.name,
    `${result.seconds.toFixed(1)} s`,
  ]);
  const widths = [0, 1, 2, 3].map((column) => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)));
  const lines = report.results.flatMap((result, index) => {
    const cells = rows[index] ?? [];
    const line = cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ");
    return result.reason === "" ? [line] : [line, `       ${result.reason}`];
  });
  return `${lines.join("\n")}\n${reportSummary(report)}\n`;
}

/** A red check that is no gate is a warning: it does not keep the node from being ready. */
function markOf(result: CheckResult): string {
  return result.outcome === "red" && !result.check.gate ? "warn" : marks[result.outcome];
}

/** `node1 is ready: 41 checks green, 0 red, 2 not applicable`. */
export function reportSummary(report: Report): string {
  const { green, red, notApplicable } = tally(report.results);
  const state = report.isReady ? "is ready" : "is NOT ready";
  return `${report.node} ${state}: ${green} checks green, ${red} red, ${notApplicable} not applicable`;
}

/** The report as one JSON document, without the checks' scripts: who reads it wants names and outcomes. */
export function reportJson(report: Report): string {
  const results = report.results.map(({ check, outcome, reason, seconds, answer }) => ({
    role: check.role,
    name: check.name,
    from: check.from,
    gate: check.gate,
    outcome,
    reason,
    seconds,
    ...(answer === undefined ? {} : { exitCode: answer.exitCode }),
  }));
  return JSON.stringify({ node: report.node, startedAt: report.startedAt, isReady: report.isReady, results });
}

/** The report in the JUnit form that CI servers read: one suite per node, one case per check. */
export function reportJunit(report: Report): string {
  const { red, notApplicable } = tally(report.results);
  const cases = report.results.map((result) => {
    const { check, outcome, reason, seconds } = result;
    const body =
      outcome === "red"
        ? `<failure message="${xmlText(reason)}"/>`
        : outcome === "not-applicable"
          ? `<skipped message="${xmlText(reason)}"/>`
          : "";
    const name = xmlText(`${check.name} (from ${check.from})`);
    return `  <testcase classname="${xmlText(check.role)}" name="${name}" time="${seconds}">${body}</testcase>`;
  });
  const counts = `tests="${report.results.length}" failures="${red}" skipped="${notApplicable}"`;
  const suite = `<testsuite name="${xmlText(report.node)}" timestamp="${report.startedAt}" ${counts}>`;
  return ['<?xml version="1.0" encoding="UTF-8"?>', suite, ...cases, "</testsuite>", ""].join("\n");
}
