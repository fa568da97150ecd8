/** Says in words what a check expects and what was found, for a page that is read without the program. */
import type { Expectation, Matcher } from "../roles/role.ts";
import type { CheckResult, CommandAnswer } from "./report.ts";

/** How much of an answer a page shows. Lines and characters; our choice: what fits a cell. */
const shown = { lines: 6, characters: 400 };

/** `exit 0, and stdout matches /^active$/`. */
export function describeExpectation({ exit, stdout, stderr }: Expectation): string {
  const parts = [
    exit === undefined ? undefined : exit === "nonzero" ? "a refusal (exit not 0)" : `exit ${exit}`,
    describeMatcher("stdout", stdout),
    describeMatcher("stderr", stderr),
  ];
  return parts.filter((part) => part !== undefined).join(", and ");
}

function describeMatcher(stream: string, matcher: Matcher | undefined): string | undefined {
  if (matcher === undefined) return undefined;
  if ("equals" in matcher) {
    const wanted = matcher.equals.trim();
    return wanted === "" ? `nothing on ${stream}` : `${stream} is ${JSON.stringify(wanted)}`;
  }
  if ("matches" in matcher) return `${stream} matches /${matcher.matches}/`;
  return `${stream} lacks /${matcher.lacks}/`;
}

/** The answer as it came; for a check that was not green, the reason first. */
export function describeFinding({ reason, answer }: Pick<CheckResult, "reason" | "answer">): string {
  const found = answer === undefined ? "" : describeAnswer(answer);
  return [reason, found].filter((part) => part !== "").join("\n");
}

function describeAnswer({ exitCode, stdout, stderr }: CommandAnswer): string {
  const streams = [
    ["stdout", stdout],
    ["stderr", stderr],
  ].map(([name, text]) => (text?.trim() ? `${name}: ${shorten(text.trim())}` : ""));
  return [`exit ${exitCode}`, ...streams].filter((part) => part !== "").join("\n");
}

function shorten(text: string): string {
  const lines = text.split("\n");
  const short = lines.slice(0, shown.lines).join("\n").slice(0, shown.characters);
  return short === text ? text : `${short} …`;
}
