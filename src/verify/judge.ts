/** Judges one answer against what the check expects: pure, and every "no" names expected and found. */
import type { Check, Expectation, Matcher } from "../roles/role.ts";
import type { CommandAnswer } from "./report.ts";

export type Verdict = { readonly outcome: "green" } | { readonly outcome: "red"; readonly reason: string };

/** How many characters of an answer a reason quotes. Our choice: two lines of a terminal. */
const quotedCharacters = 160;

/**
 * Exit codes by which the shell and timeout(1) say that the command never answered: `nonzero` must not be
 * satisfied by a program that is missing. Source: POSIX 2.8.2 (126, 127), coreutils timeout (124; 137
 * when it had to use SIGKILL).
 */
const notAnAnswer: Readonly<Record<number, string>> = {
  124: "the command did not end in time",
  126: "the command could not be executed",
  127: "the command was not found",
  137: "the command was killed",
};

/** @returns green when every given part of the expectation is met; else red, with the first part that is not. */
export function judge(check: Pick<Check, "expect" | "timeoutSeconds">, answer: CommandAnswer): Verdict {
  const reason =
    exitReason(check.expect.exit, answer, check.timeoutSeconds) ??
    matchReason("stdout", check.expect.stdout, answer.stdout) ??
    matchReason("stderr", check.expect.stderr, answer.stderr);
  return reason === undefined ? { outcome: "green" } : { outcome: "red", reason };
}

function exitReason(
  expected: Expectation["exit"],
  answer: CommandAnswer,
  timeoutSeconds: number,
): string | undefined {
  const found = answer.exitCode;
  if (found === expected) return undefined;
  const missing = notAnAnswer[found];
  if (missing !== undefined) {
    const limit = found === 124 ? ` (limit ${timeoutSeconds} s)` : "";
    return `expected ${describeExit(expected)}, but ${missing}${limit}: exit ${found}${afterwards(answer)}`;
  }
  if (expected === undefined || (expected === "nonzero" && found !== 0)) return undefined;
  return `expected ${describeExit(expected)}, found exit ${found}${afterwards(answer)}`;
}

function describeExit(expected: Expectation["exit"]): string {
  if (expected === undefined) return "an answer";
  return expected === "nonzero" ? "a nonzero exit" : `exit ${expected}`;
}

/** What the command said, which usually is why it ended as it did. */
function afterwards(answer: CommandAnswer): string {
  const said = answer.stderr.trim() || answer.stdout.trim();
  return said === "" ? "" : `; it said ${quote(said)}`;
}

function matchReason(
  stream: "stdout" | "stderr",
  matcher: Matcher | undefined,
  text: string,
): string | undefined {
  if (matcher === undefined) return undefined;
  const found = text.trim();
  if ("equals" in matcher) {
    return found === matcher.equals.trim()
      ? undefined
      : `expected ${stream} to equal ${quote(matcher.equals.trim())}, found ${quote(found)}`;
  }
  if ("matches" in matcher) {
    return new RegExp(matcher.matches, "m").test(found)
      ? undefined
      : `expected ${stream} to match /${matcher.matches}/, found ${quote(found)}`;
  }
  const hit = new RegExp(matcher.lacks, "m").exec(found);
  return hit === null
    ? undefined
    : `expected ${stream} to lack /${matcher.lacks}/, found ${quote(hit[0])} in ${quote(found)}`;
}

function quote(text: string): string {
  const short = text.length > quotedCharacters ? `${text.slice(0, quotedCharacters)}…` : text;
  return JSON.stringify(short);
}
