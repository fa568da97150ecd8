/** Runs a node's checks from all sides and makes the report: vantage points in parallel, each one's checks in turn. */
import { describeError } from "../errors.ts";
import type { Check, Vantage } from "../roles/role.ts";
import { judge } from "./judge.ts";
import type { CheckResult, Report, RunAt } from "./report.ts";

export type Vantages = Readonly<Record<Vantage, RunAt>>;

export type CheckRun = {
  readonly node: string;
  readonly checks: readonly Check[];
  readonly vantages: Vantages;
  /** What the machines of this run have, beyond what every node has: `kernel-modules`, `hardware-gpu`. */
  readonly capabilities: ReadonlySet<string>;
  readonly now: () => Date;
  /** Called as each result is known: progress. */
  readonly onResult: (result: CheckResult) => void;
};

/**
 * Runs every applicable check once. Never rejects: a place that cannot be reached makes its checks red, with
 * the reason. Once a place was out of reach its remaining checks are not tried, since each would wait anew.
 * @returns results in the order of `checks`.
 */
export async function runChecks(options: CheckRun): Promise<Report> {
  const startedAt = options.now().toISOString();
  const results = new Map<Check, CheckResult>();
  const vantages: readonly Vantage[] = ["node", "bastion", "outsider"];
  await Promise.all(
    vantages.map(async (vantage) => {
      let lost: string | undefined;
      for (const check of options.checks.filter((each) => each.from === vantage)) {
        const result =
          lost === undefined
            ? await runCheck(check, options)
            : red(check, `not tried: the ${vantage} was lost: ${lost}`, 0);
        if (result.outcome === "red" && result.answer === undefined && lost === undefined) {
          lost = result.reason;
        }
        results.set(check, result);
        options.onResult(result);
      }
    }),
  );
  const ordered = options.checks.map((check) => results.get(check) as CheckResult);
  return { node: options.node, startedAt, results: ordered, isReady: isReady(ordered) };
}

/** One check, once: green, red with a reason, or not applicable with the need that is not met. */
export async function runCheck(
  check: Check,
  options: Pick<CheckRun, "vantages" | "capabilities" | "now">,
): Promise<CheckResult> {
  const unmet = check.needs.filter((need) => !options.capabilities.has(need));
  if (unmet.length > 0) {
    return { check, outcome: "not-applicable", reason: `needs ${unmet.join(", ")}`, seconds: 0 };
  }
  const startedMs = options.now().getTime();
  const elapsed = (): number => (options.now().getTime() - startedMs) / 1000;
  try {
    const answer = await options.vantages[check.from](check.run, check.timeoutSeconds);
    const verdict = judge(check, answer);
    const reason = verdict.outcome === "red" ? verdict.reason : "";
    return { check, outcome: verdict.outcome, reason, answer, seconds: elapsed() };
  } catch (error) {
    return red(check, `the ${check.from} could not be reached: ${describeError(error)}`, elapsed());
  }
}

function red(check: Check, reason: string, seconds: number): CheckResult {
  return { check, outcome: "red", reason, seconds };
}

/** Every gate check is green or not applicable, and at least one gate check is green: silence proves nothing. */
export function isReady(results: readonly CheckResult[]): boolean {
  const gates = results.filter((result) => result.check.gate);
  return (
    gates.every((result) => result.outcome !== "red") && gates.some((result) => result.outcome === "green")
  );
}

export type Tally = { readonly green: number; readonly red: number; readonly notApplicable: number };

export function tally(results: readonly CheckResult[]): Tally {
  const count = (outcome: CheckResult["outcome"]): number =>
    results.filter((result) => result.outcome === outcome).length;
  return { green: count("green"), red: count("red"), notApplicable: count("not-applicable") };
}
