/** Typed errors: a code from error-codes.ts, what happened, and a hint that is a command or a setting. */
import type { ErrorCode } from "./error-codes.ts";
import { terminalText } from "./terminal-text.ts";

export type Severity = "error" | "warning";

/** One problem among several: validation, a refusal, a diagnosed cause. All of a kind are shown together. */
export type Finding = {
  readonly code: ErrorCode;
  /** Where it is: `cluster.yaml:12:5`, `templates/roles/sshd/role.yaml:3:1`, `node1: /dev/vda`. */
  readonly where: string;
  readonly message: string;
  /** What to do next: a command or a setting, never the message again. */
  readonly hint: string;
  readonly severity: Severity;
};

export type ErrorDetails = {
  readonly hint: string;
  readonly cause?: unknown;
  /** Set when the error stands for several problems at once. */
  readonly findings?: readonly Finding[];
};

/** The only error that imagectl throws on purpose. Anything else that surfaces is a defect of ours. */
export class ImagectlError extends Error {
  override readonly name = "ImagectlError";
  readonly code: ErrorCode;
  readonly hint: string;
  readonly findings: readonly Finding[];

  constructor(code: ErrorCode, message: string, details: ErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.hint = details.hint;
    this.findings = details.findings ?? [];
  }
}

/** Turns findings into one error, or does nothing when none of them is an error. */
export function throwOnErrors(code: ErrorCode, subject: string, findings: readonly Finding[]): void {
  const errors = findings.filter((finding) => finding.severity === "error");
  if (errors.length === 0) return;
  throw new ImagectlError(
    code,
    `${subject}: ${errors.length} ${errors.length === 1 ? "problem" : "problems"}`,
    {
      hint: "Each problem is listed with its place and what to do about it.",
      findings,
    },
  );
}

/** By line and column, so that the list reads as the file does. */
export function inFileOrder(findings: readonly Finding[]): Finding[] {
  const place = (finding: Finding): number => {
    const [, line = "0", column = "0"] = /:([0-9]+):([0-9]+)$/.exec(finding.where) ?? [];
    return Number(line) * 10_000 + Number(column);
  };
  return [...findings].sort((left, right) => place(left) - place(right));
}

/** Renders a finding the way compilers do, so that editors can jump to it. Safe for a terminal. */
export function formatFinding(finding: Finding): string {
  const { where, severity, message, code, hint } = finding;
  return terminalText(`${where}: ${severity}: ${message} [${code}]\n    hint: ${hint}`);
}

/** One line that says what an unknown thrown value was; used where a log line needs it. */
export function describeError(error: unknown): string {
  if (error instanceof ImagectlError) return `${error.message} [${error.code}]`;
  return error instanceof Error ? error.message : String(error);
}
