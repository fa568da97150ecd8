/** The last line of commands that check files: how much was found. */
import type { Finding } from "../errors.ts";
import { formatCount } from "../quantity.ts";

/** @returns `no problems`, or `2 errors, 1 warning`. */
export function summarizeFindings(findings: readonly Finding[]): string {
  if (findings.length === 0) return "no problems";
  const errors = countErrors(findings);
  return `${formatCount(errors, "error")}, ${formatCount(findings.length - errors, "warning")}`;
}

export function countErrors(findings: readonly Finding[]): number {
  return findings.filter((finding) => finding.severity === "error").length;
}
