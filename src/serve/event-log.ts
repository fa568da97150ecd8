/** Events as lines of the server's log: all that a person follows, and no more of a long step than they can read. */
import { describeEvent } from "../nodes/describe.ts";
import type { EventBody, NodeEvent } from "../nodes/event.ts";
import type { Log, LogLevel } from "./log.ts";

/** Between two lines about the progress of one node. Seconds. `imagectl watch` shows every report. */
const progressEverySeconds = 10;
/** A step that took less says nothing at its end: the next one's line says it. Seconds. */
const quickStepSeconds = 2;

/** @returns a function that logs one event after the other. */
export function eventLogger(log: Log): (event: NodeEvent) => void {
  const progressAt = new Map<string, number>();
  return ({ node, at, body }) => {
    const level = levelOf(body);
    if (level === undefined) return;
    if (body.kind === "step-started") progressAt.set(node, Date.parse(at));
    if (body.kind === "step-progress") {
      const last = progressAt.get(node) ?? 0;
      if (Math.abs(Date.parse(at) - last) < progressEverySeconds * 1000) return;
      progressAt.set(node, Date.parse(at));
    }
    log(node, describeEvent(body), level);
  };
}

/** @returns undefined for what is not worth a line. */
function levelOf(body: EventBody): LogLevel | undefined {
  switch (body.kind) {
    case "step-finished":
      return body.seconds < quickStepSeconds ? undefined : "info";
    // Whoever diagnosed it logs the cause and the hint.
    case "stage-overdue":
      return undefined;
    case "verify-interrupted":
    case "seed-refused":
    case "deploy-refused":
    case "step-failed":
      return "warning";
    case "installer-report":
      return "failure" in body ? "warning" : "info";
    case "attempt-failed":
    case "server-failed":
      return "error";
    case "verify-finished":
      return body.isReady ? "info" : "error";
    default:
      return "info";
  }
}
