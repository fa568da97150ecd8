/** Follows each deployed node until its own system answers on ssh and its checks have run: the way from deployed to ready. */
import { setTimeout as sleep } from "node:timers/promises";
import { describeError, ImagectlError } from "../errors.ts";
import type { Attempt, Attempts } from "../nodes/attempts.ts";
import type { NodePart } from "../plan/plan.ts";
import type { CheckResult, Report, RunAt } from "../verify/report.ts";
import { tally } from "../verify/run-checks.ts";
import type { Log } from "./log.ts";
import type { Prove } from "./prove.ts";

export type SuperviseDependencies = {
  readonly attempts: Pick<Attempts, "get" | "append" | "live" | "frozenPlan" | "saveReport" | "subscribe">;
  /** Whether anything listens on the node's ssh port. */
  readonly answersOnSsh: (address: string) => Promise<boolean>;
  /** Runs a script on the node as root, over ssh with the host key checked. */
  readonly runOnNode: (node: NodePart) => RunAt;
  readonly prove: Prove;
  readonly now: () => Date;
  readonly log: Log;
  /** Between two looks at a node. Milliseconds. */
  readonly pollMs: number;
};

export type Supervisor = {
  /**
   * Runs the checks now and keeps the report.
   * @throws ImagectlError VERIFY_RUNNING while the node is being proved already.
   */
  verify(attempt: Attempt, node: NodePart, onResult: (result: CheckResult) => void): Promise<Report>;
  /** Ends the polling; what runs on nodes ends with this process. */
  stop(): void;
};

/** How long a system that answers may take until all its services are up, seconds. Emulated machines need 90. */
const settleSeconds = 240;

/**
 * Waits until systemd has started what it has to start. It ends with 1 for a system with a failed unit too:
 * that is a matter for checks.
 */
const settleScript = "systemctl is-system-running --wait || true";

/** Follows what is deployed already, and from now on every node that reports it. */
export function superviseNodes(dependencies: SuperviseDependencies): Supervisor {
  const { attempts, log } = dependencies;
  const abort = new AbortController();
  const followed = new Set<number>();
  const proving = new Set<string>();

  const proveNode = async (
    attempt: Attempt,
    node: NodePart,
    onResult: (result: CheckResult) => void,
    whenLost: "keep" | "repeat",
  ): Promise<Report | undefined> => {
    if (proving.has(attempt.node)) throw alreadyRunning(attempt.node);
    proving.add(attempt.node);
    try {
      return await proveAndKeep(dependencies, attempt, node, onResult, whenLost);
    } finally {
      proving.delete(attempt.node);
    }
  };

  const follow = (attempt: Attempt): void => {
    if (!attempt.state.isLive || !attempt.state.isDeployed || followed.has(attempt.id)) return;
    followed.add(attempt.id);
    const onResult = logResult(log, attempt.node);
    untilProved({
      dependencies,
      attempt,
      signal: abort.signal,
      prove: (node, isLast) => proveNode(attempt, node, onResult, isLast ? "keep" : "repeat"),
    }).finally(() => followed.delete(attempt.id));
  };

  const unsubscribe = attempts.subscribe(({ event, attempt }) => {
    // The answer to the node goes out first.
    if (event.body.kind === "deployed") setImmediate(() => follow(attempt));
  });
  for (const attempt of attempts.live()) follow(attempt);
  return {
    verify: async (attempt, node, onResult) => {
      const report = await proveNode(attempt, node, onResult, "keep");
      if (report === undefined) throw new Error("a proof that is kept has a report");
      return report;
    },
    stop: () => {
      unsubscribe();
      abort.abort();
    },
  };
}

type Following = {
  readonly dependencies: SuperviseDependencies;
  readonly attempt: Attempt;
  readonly signal: AbortSignal;
  /** @returns undefined when a place was lost on the way; the last proof is kept as it is. */
  readonly prove: (node: NodePart, isLast: boolean) => Promise<Report | undefined>;
};

/** A cable that is pulled again and again is a red node in the end. Proofs; our choice. */
const mostProofs = 5;

/** Never rejects. A database that is locked or full for a while must not leave a node without its proof. */
async function untilProved({ dependencies, attempt, signal, prove }: Following): Promise<void> {
  const { attempts, log, pollMs } = dependencies;
  let proofs = 0;
  let lastProblem = "";
  while (!signal.aborted) {
    try {
      const { node } = attempts.frozenPlan(attempt.id);
      if (!(await untilReached(dependencies, attempt.id, node, signal))) return;
      proofs += 1;
      if ((await prove(node, proofs === mostProofs)) !== undefined) return;
    } catch (error) {
      if (signal.aborted) return;
      const problem = describeError(error);
      if (problem !== lastProblem) log(attempt.node, `not proved yet, trying on: ${problem}`, "error");
      lastProblem = problem;
      await sleep(pollMs);
    }
  }
}

/** @returns false when the attempt ended before the node was reached. */
async function untilReached(
  dependencies: SuperviseDependencies,
  attemptId: number,
  node: NodePart,
  signal: AbortSignal,
): Promise<boolean> {
  const { attempts, answersOnSsh, now, log, pollMs } = dependencies;
  const runAt = dependencies.runOnNode(node);
  let lastProblem = "";
  for (;;) {
    const state = attempts.get(attemptId)?.state;
    if (state?.isLive !== true) return false;
    if (await answersOnSsh(node.address)) {
      let problem = await whyNotDone(runAt, "true", loginSeconds);
      if (problem === undefined) {
        if (state.stage !== "verifying") attempts.append(attemptId, { kind: "system-reached" }, now());
        problem = await whyNotDone(runAt, settleScript, settleSeconds);
        if (problem === undefined) return true;
      }
      if (problem !== lastProblem) log(node.hostname, `sshd answers, but: ${problem}`, "warning");
      lastProblem = problem;
    }
    await sleep(pollMs, undefined, { signal });
  }
}

/** Seconds for a login and a command that does nothing, on an emulated machine that is still starting. */
const loginSeconds = 20;

async function whyNotDone(runAt: RunAt, script: string, timeoutSeconds: number): Promise<string | undefined> {
  try {
    const { exitCode } = await runAt(script, timeoutSeconds);
    return exitCode === 0 ? undefined : `the agent ran \`${script}\` to exit code ${exitCode}`;
  } catch (error) {
    return describeError(error);
  }
}

/** @returns undefined when a place was lost on the way and the proof is to be repeated: that is no verdict. */
async function proveAndKeep(
  dependencies: SuperviseDependencies,
  attempt: Attempt,
  node: NodePart,
  onResult: (result: CheckResult) => void,
  whenLost: "keep" | "repeat",
): Promise<Report | undefined> {
  const { attempts, prove, now } = dependencies;
  attempts.append(attempt.id, { kind: "verify-started", checks: node.checks.length }, now());
  const report = await prove(node, onResult);
  const reason = whenLost === "keep" ? undefined : await whyNoVerdict(dependencies, node, report);
  if (reason !== undefined) {
    attempts.append(attempt.id, { kind: "verify-interrupted", reason }, now());
    return undefined;
  }
  attempts.saveReport(attempt.id, report, now());
  const { isReady } = report;
  attempts.append(attempt.id, { kind: "verify-finished", ...tally(report.results), isReady }, now());
  return report;
}

/**
 * A check from outside that meets a node without a cable gets an answer as well, ssh's own, and is red: what is red
 * counts only while the node is there.
 */
async function whyNoVerdict(
  { answersOnSsh }: SuperviseDependencies,
  node: NodePart,
  { results }: Report,
): Promise<string | undefined> {
  const red = results.filter(({ outcome }) => outcome === "red");
  const lost = red.find(({ answer }) => answer === undefined);
  if (lost !== undefined || red.length === 0) return lost?.reason;
  if (await answersOnSsh(node.address)) return undefined;
  return `nothing answers on the ssh port of ${node.address} any more`;
}

/** Green checks are counted in the end; what is not green is said at once. */
function logResult(log: Log, node: string): (result: CheckResult) => void {
  return ({ check, outcome, reason }) => {
    if (outcome === "green") return;
    const level = outcome === "red" ? "warning" : "info";
    log(node, `${check.role}: ${check.name} (from ${check.from}): ${outcome}: ${reason}`, level);
  };
}

function alreadyRunning(node: string): ImagectlError {
  return new ImagectlError("VERIFY_RUNNING", `${node} is being proved right now`, {
    hint: `Follow it with: imagectl watch ${node}`,
  });
}
