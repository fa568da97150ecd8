/** Looks at every live attempt again and again: what did not happen in time becomes an event with a named cause. */
import { setInterval } from "node:timers";
import { describeError } from "../errors.ts";
import type { Attempts } from "../nodes/attempts.ts";
import { hintFor } from "../nodes/describe.ts";
import { diagnose } from "../nodes/diagnose.ts";
import type { Log } from "./log.ts";

export type DeadlineDependencies = {
  readonly attempts: Pick<Attempts, "live" | "append" | "frozenPlan">;
  readonly now: () => Date;
  readonly log: Log;
};

/** Milliseconds. Our choice: deadlines are minutes. */
const lookEveryMs = 5_000;

/** One look at all of them. */
export function checkDeadlines({ attempts, now, log }: DeadlineDependencies): void {
  for (const { id, node, state } of attempts.live()) {
    const isInstaller = (): boolean => attempts.frozenPlan(id).node.method === "installer";
    const diagnosis = diagnose(state, now(), isInstaller);
    if (diagnosis === undefined) continue;
    const { cause } = diagnosis;
    switch (diagnosis.kind) {
      case "overdue": {
        const { kind: _kind, cause: _cause, ...overdue } = diagnosis;
        attempts.append(id, { kind: "stage-overdue", ...overdue }, now());
        log(node, `${cause.message}. ${hintFor(node, cause)}`, "warning");
        break;
      }
      case "expired":
        attempts.append(id, { kind: "attempt-failed", cause }, now());
        log(node, hintFor(node, cause), "warning");
        break;
      case "rescue-over":
        attempts.append(id, { kind: "disarmed" }, now());
        log(node, `${cause.message}. ${hintFor(node, cause)}`);
        break;
      default:
        diagnosis satisfies never;
    }
  }
}

/** @returns a function that ends it. */
export function watchDeadlines(dependencies: DeadlineDependencies): () => void {
  const timer = setInterval(() => {
    try {
      checkDeadlines(dependencies);
    } catch (error) {
      dependencies.log("serve", `deadlines could not be checked: ${describeError(error)}`, "error");
    }
  }, lookEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}
