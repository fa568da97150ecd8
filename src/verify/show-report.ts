/** Shows a report: as a table for people, as JSON for programs. For CI: src/verify/junit.ts. */
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
