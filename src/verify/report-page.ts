/** The report as one page that a person can print: what was checked, from where, expected, found. */
import { renderTemplate } from "../template.ts";
import { xmlView } from "../xml-text.ts";
import { describeExpectation, describeFinding } from "./describe-check.ts";
import type { CheckResult, Report } from "./report.ts";
import { tally } from "./run-checks.ts";

export type ReportPageInput = {
  readonly report: Report;
  /** What else belongs on the page, in this order: machine, image, plan, stages. */
  readonly facts: readonly { readonly name: string; readonly value: string }[];
  /** templates/report/report.html.hbs. */
  readonly template: string;
  /** ISO 8601, UTC: when the page is made. */
  readonly printedAt: string;
};

/** @returns a whole HTML document that needs no other file and no network. */
export function reportPage({ report, facts, template, printedAt }: ReportPageInput): string {
  const view = {
    node: report.node,
    startedAt: report.startedAt,
    printedAt,
    verdict: report.isReady ? "ready" : "not ready",
    verdictClass: report.isReady ? "green" : "red",
    ...tally(report.results),
    facts,
    roles: byRole(report.results),
  };
  return renderTemplate(template, xmlView(view), "report.html.hbs").text;
}

function byRole(results: readonly CheckResult[]) {
  return [...new Set(results.map(({ check }) => check.role))].map((role) => ({
    role,
    checks: results.filter(({ check }) => check.role === role).map(viewResult),
  }));
}

function viewResult(result: CheckResult) {
  const { check, outcome } = result;
  const isWarning = outcome === "red" && !check.gate;
  return {
    name: check.name,
    from: check.from,
    expected: describeExpectation(check.expect),
    found: describeFinding(result),
    outcome: isWarning ? "warning" : outcome === "not-applicable" ? "not applicable" : outcome,
    outcomeClass: isWarning ? "warning" : outcome,
    seconds: result.seconds.toFixed(1),
  };
}
