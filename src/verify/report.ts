/** What the checks found: the proof that hangs on an attempt. */
import type { Check } from "../roles/role.ts";

export type CommandAnswer = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

/** Runs POSIX sh as root at a vantage point. Rejects when the place cannot be reached: silence is failure. */
export type RunAt = (script: string, timeoutSeconds: number) => Promise<CommandAnswer>;

export type CheckResult = {
  readonly check: Check;
  readonly outcome: "green" | "red" | "not-applicable";
  /** Why it is red, or which need is not met; empty when green. */
  readonly reason: string;
  readonly answer?: CommandAnswer;
  readonly seconds: number;
};

export type Report = {
  readonly node: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly results: readonly CheckResult[];
  /** Every gate check is green or not applicable, and at least one is green. */
  readonly isReady: boolean;
};
