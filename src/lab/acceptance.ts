/** The acceptance of one node: every check green, and every check proved by the fault that turns it red. */
import type { NodePlan } from "../plan/plan.ts";
import type { Check, Vantage } from "../roles/role.ts";
import { type FaultScripts, faultScripts } from "../verify/fault.ts";
import type { CheckResult, Report } from "../verify/report.ts";
import { runCheck, runChecks, type Vantages } from "../verify/run-checks.ts";

export type FaultProof = {
  readonly check: Check;
  /** Broken: red. Mended: green again. Anything else proves nothing. */
  readonly isProved: boolean;
  /** Why it is not proved, or by what red answer it is. */
  readonly reason: string;
};

export type Acceptance = {
  readonly report: Report;
  readonly proofs: readonly FaultProof[];
  /** Not applicable here; each names its needs and must be proved where they are met. */
  readonly elsewhere: readonly CheckResult[];
};

export type AcceptanceRun = {
  readonly plan: NodePlan;
  readonly vantages: Vantages;
  readonly capabilities: ReadonlySet<string>;
  readonly now: () => Date;
  /** How long a fault may take to show, and to be gone. Seconds. Services restart in between. */
  readonly settleSeconds: number;
  readonly onProgress: (line: string) => void;
};

/** How long injecting or undoing a fault may take. Seconds. Our choice: a service restart under emulation. */
const faultTimeoutSeconds = 60;

/**
 * Runs all checks; then, for each applicable one, injects its fault, expects red, undoes it, expects green.
 * Faults are tried although other checks are red: all that is wrong is told at once.
 */
export async function acceptance(options: AcceptanceRun): Promise<Acceptance> {
  const { plan, vantages, capabilities, now, onProgress } = options;
  const report = await runChecks({
    node: plan.node.hostname,
    checks: plan.node.checks,
    vantages,
    capabilities,
    now,
    onResult: (result) =>
      onProgress(`${result.outcome}: ${titleOf(result.check)} ${result.reason}`.trimEnd()),
  });
  const proofs: FaultProof[] = [];
  for (const result of report.results.filter((each) => each.outcome !== "not-applicable")) {
    const proof = await proveByFault(result, options);
    proofs.push(proof);
    onProgress(`${proof.isProved ? "proved" : "NOT PROVED"}: ${titleOf(proof.check)}: ${proof.reason}`);
  }
  const elsewhere = report.results.filter((result) => result.outcome === "not-applicable");
  onProgress(acceptanceSummary({ report, proofs, elsewhere }));
  return { report, proofs, elsewhere };
}

/** `43 checks: 40 proved by their fault, 1 not proved, 2 to be proved elsewhere (hardware-smart)`. */
export function acceptanceSummary({ report, proofs, elsewhere }: Acceptance): string {
  const proved = proofs.filter((proof) => proof.isProved).length;
  const needs = [...new Set(elsewhere.flatMap((result) => result.check.needs))].sort();
  const where = needs.length === 0 ? "" : ` (${needs.join(", ")})`;
  return `${report.results.length} checks: ${proved} proved by their fault, ${proofs.length - proved} not proved, ${elsewhere.length} to be proved elsewhere${where}`;
}

function titleOf(check: Check): string {
  return `${check.role}: ${check.name} (from ${check.from})`;
}

async function proveByFault(before: CheckResult, options: AcceptanceRun): Promise<FaultProof> {
  const { check } = before;
  if (before.outcome === "red")
    return { check, isProved: false, reason: `red without a fault: ${before.reason}` };
  const scripts = faultScripts(check.fault);
  const failure = await injectFault(check, scripts, options);
  if (failure !== undefined)
    return { check, isProved: false, reason: `its fault could not be injected: ${failure}` };
  const broken = await untilOutcome(check, "red", options);
  return mend(check, scripts, broken, options);
}

async function mend(
  check: Check,
  scripts: FaultScripts,
  broken: CheckResult,
  options: AcceptanceRun,
): Promise<FaultProof> {
  const undone = await runFault(scripts.at, scripts.undo, options);
  if (undone !== undefined)
    return { check, isProved: false, reason: `its fault could not be undone: ${undone}` };
  const mended = await untilOutcome(check, "green", options);
  if (broken.outcome !== "red") return { check, isProved: false, reason: "stayed green with its fault" };
  // A place that does not answer is red as well, but then the check's command was never tried.
  if (broken.answer === undefined) return { check, isProved: false, reason: `not judged: ${broken.reason}` };
  if (mended.outcome !== "green") {
    return { check, isProved: false, reason: `stayed red after its fault was undone: ${mended.reason}` };
  }
  return { check, isProved: true, reason: broken.reason };
}

/**
 * On a busy machine a service does not restart once in hundreds of times, and the fault is in nobody's way then: it is
 * tried once more, and told.
 * @returns what went wrong, the second time as well, or undefined.
 */
async function injectFault(
  check: Check,
  { at, inject, undo }: FaultScripts,
  options: AcceptanceRun,
): Promise<string | undefined> {
  const tryOnce = async (): Promise<string | undefined> => {
    const failure = await runFault(at, inject, options);
    if (failure !== undefined) await runFault(at, undo, options);
    return failure;
  };
  const failure = await tryOnce();
  if (failure === undefined) return undefined;
  options.onProgress(`its fault is injected again: ${titleOf(check)}: ${failure}`);
  return tryOnce();
}

/** @returns what went wrong, or undefined. */
async function runFault(at: Vantage, script: string, options: AcceptanceRun): Promise<string | undefined> {
  const answer = await options.vantages[at](script, faultTimeoutSeconds).catch((error: unknown) => error);
  if (answer instanceof Error) return answer.message;
  const { exitCode, stdout, stderr } = answer as Awaited<ReturnType<Vantages[Vantage]>>;
  return exitCode === 0 ? undefined : `exit ${exitCode}: ${(stderr.trim() || stdout.trim()).slice(-300)}`;
}

async function untilOutcome(
  check: Check,
  outcome: "green" | "red",
  options: AcceptanceRun,
): Promise<CheckResult> {
  const deadline = options.now().getTime() + options.settleSeconds * 1000;
  for (;;) {
    const result = await runCheck(check, options);
    if (result.outcome === outcome || options.now().getTime() >= deadline) return result;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}
