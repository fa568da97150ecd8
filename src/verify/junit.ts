/** Reports in the JUnit form that CI servers read: one suite per node, one case per check. Pure. */
import { xmlText } from "../xml-text.ts";
import type { CheckResult, Report } from "./report.ts";

/** What is known of one of several nodes. */
export type NodeProof =
  | { readonly kind: "report"; readonly report: Report }
  | { readonly kind: "no-report"; readonly node: string; readonly reason: string }
  | { readonly kind: "left-out"; readonly node: string; readonly reason: string };

export function reportJunit(report: Report): string {
  return document(suiteLines(suiteOf({ kind: "report", report })));
}

/** Every node is in it, also one without a report: what is missing would look green. */
export function reportsJunit(proofs: readonly NodeProof[]): string {
  const suites = proofs.map(suiteOf);
  const counts = countsOf(suites.flatMap(({ cases }) => cases));
  return document([`<testsuites ${counts}>`, ...suites.flatMap(suiteLines), "</testsuites>"]);
}

type Problem = { readonly kind: "failure" | "skipped" | "error"; readonly message: string };

type Case = {
  readonly classname: string;
  readonly name: string;
  readonly seconds: number;
  readonly problem?: Problem | undefined;
};

type Suite = {
  readonly name: string;
  readonly timestamp?: string;
  readonly cases: readonly Case[];
};

function suiteOf(proof: NodeProof): Suite {
  switch (proof.kind) {
    case "report": {
      const { node, startedAt, results } = proof.report;
      return { name: node, timestamp: startedAt, cases: [...results.map(caseOf), ...unproven(proof.report)] };
    }
    case "no-report":
      return { name: proof.node, cases: [caseOfNode({ kind: "error", message: proof.reason })] };
    case "left-out":
      return { name: proof.node, cases: [caseOfNode({ kind: "skipped", message: proof.reason })] };
    default:
      return proof satisfies never;
  }
}

function caseOf({ check, outcome, reason, seconds }: CheckResult): Case {
  const kind = ({ green: undefined, red: "failure", "not-applicable": "skipped" } as const)[outcome];
  return {
    classname: check.role,
    name: `${check.name} (from ${check.from})`,
    seconds,
    problem: kind && { kind, message: reason },
  };
}

/** Where no gate check was green, and none red either, nothing else in the suite would speak against the node. */
function unproven({ results, isReady }: Report): Case[] {
  if (isReady || results.some(({ outcome }) => outcome === "red")) return [];
  return [caseOfNode({ kind: "failure", message: "it is not ready: no check that must be green was" })];
}

function caseOfNode(problem: Problem): Case {
  return { classname: "imagectl", name: "the node is proved", seconds: 0, problem };
}

function suiteLines({ name, timestamp, cases }: Suite): string[] {
  const at = timestamp === undefined ? "" : ` timestamp="${xmlText(timestamp)}"`;
  return [
    `<testsuite name="${xmlText(name)}"${at} ${countsOf(cases)}>`,
    ...cases.map(caseLine),
    "</testsuite>",
  ];
}

function caseLine({ classname, name, seconds, problem }: Case): string {
  const body = problem === undefined ? "" : `<${problem.kind} message="${xmlText(problem.message)}"/>`;
  return `  <testcase classname="${xmlText(classname)}" name="${xmlText(name)}" time="${seconds}">${body}</testcase>`;
}

function countsOf(cases: readonly Case[]): string {
  const count = (kind: Problem["kind"]) => cases.filter(({ problem }) => problem?.kind === kind).length;
  return `tests="${cases.length}" failures="${count("failure")}" skipped="${count("skipped")}" errors="${count("error")}"`;
}

function document(lines: readonly string[]): string {
  return ['<?xml version="1.0" encoding="UTF-8"?>', ...lines, ""].join("\n");
}
