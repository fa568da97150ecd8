/** One line per node: stage, bar, rate, elapsed time, last message. Pure: states in, text out. */
import type { Attempt } from "../nodes/attempts.ts";
import { describeEvent, hintFor } from "../nodes/describe.ts";
import type { AttemptState, NodeEvent, Stage } from "../nodes/event.ts";
import { formatBytes, formatSeconds } from "../quantity.ts";
import type { WatchLine } from "../serve/operator-types.ts";
import { terminalLine } from "../terminal-text.ts";

/** What is known of one watched node. */
export type Watched = { readonly attempt: Attempt; readonly message: string };

/** @returns the node as it is after the line; its message stays until an event brings another. */
export function follow(before: Watched | undefined, { attempt, last, event = last }: WatchLine): Watched {
  const { cause, step } = attempt.state;
  const said = event === undefined ? before?.message : messageOf(event, step, before?.message);
  const message = cause === undefined ? (said ?? "") : `${cause.message}. ${hintFor(attempt.node, cause)}`;
  return { attempt, message: terminalLine(message) };
}

/** The bar and the rate show progress; the message goes on naming the step. */
function messageOf(
  { body }: NodeEvent,
  step: AttemptState["step"],
  before: string | undefined,
): string | undefined {
  if (body.kind === "installer-report" && step !== undefined)
    return `step ${step.index}/${step.total}: ${describeEvent(body)}`;
  if (body.kind === "armed")
    return `waits for its network boot: switch it on (${body.purpose === "rescue" ? "rescue" : "armed"} until ${body.deadline})`;
  return body.kind === "step-progress" || body.kind === "step-finished" ? before : describeEvent(body);
}

const barWidth = 20;

/** Where a stage begins on the bar, in parts of one: roughly their shares of the way. Our choice; only the bar uses it. */
const stageStart: Readonly<Record<Stage, number>> = {
  armed: 0,
  "shutting-down": 0,
  "network-boot": 0,
  "deploy-environment": 0.15,
  deploying: 0.2,
  deployed: 0.65,
  restarting: 0.67,
  verifying: 0.9,
  ready: 1,
  rescue: 1,
  failed: 0,
  disarmed: 0,
  retired: 0,
};

/** @returns how far the node is, 0 to 1. */
export function fractionDone(state: AttemptState): number {
  if (state.stage !== "deploying" || state.step === undefined) return stageStart[state.stage];
  const { index, total } = state.step;
  const inStep =
    state.progress === undefined ? 0 : state.progress.bytes / Math.max(1, state.progress.totalBytes);
  const inDeploy = (Math.max(0, index - 1) + Math.min(1, inStep)) / Math.max(1, total);
  return stageStart.deploying + inDeploy * (stageStart.deployed - stageStart.deploying);
}

/** @param columns of the terminal: a longer line would wrap, and then redrawing leaves pieces of it behind. */
export function watchLine({ attempt, message }: Watched, now: Date, columns: number): string {
  const { node, armedAt, state } = attempt;
  const until = state.isLive ? now.getTime() : Date.parse(state.since);
  const elapsed = formatSeconds((until - Date.parse(armedAt)) / 1000);
  const rate = state.progress === undefined ? "" : `${formatBytes(state.progress.bytesPerSecond)}/s`;
  const cells = [
    node.padEnd(10),
    state.stage.padEnd(18),
    bar(fractionDone(state)),
    rate.padStart(10),
    elapsed.padStart(12),
    message,
  ];
  return cells.join("  ").slice(0, Math.max(40, columns)).trimEnd();
}

function bar(fraction: number): string {
  const filled = Math.round(fraction * barWidth);
  return `[${"#".repeat(filled)}${".".repeat(barWidth - filled)}]`;
}

export type Verdict = "ready" | "failed" | "under-way";

/** Ready when all are, or wait for the person they are rescued for; failed when none is on its way any more. */
export function verdictOf(names: readonly string[], watched: ReadonlyMap<string, Watched>): Verdict {
  const stages = names.map((name) => watched.get(name)?.attempt.state.stage);
  const isThere = (stage: Stage | undefined): boolean => stage === "ready" || stage === "rescue";
  if (stages.every(isThere)) return "ready";
  const isOver = (stage: Stage | undefined): boolean =>
    isThere(stage) || stage === "failed" || stage === "disarmed" || stage === "retired";
  return stages.every(isOver) ? "failed" : "under-way";
}

/** So many get a line each when all is well; of more, only what went wrong is said. */
const fewNodes = 3;

/** What is left to say when all have arrived: a whole cause, which a line of a terminal may have cut, and the way in. */
export function closingLines(nodes: readonly Watched[]): string {
  const isFew = nodes.length <= fewNodes;
  const lines = nodes.map(({ attempt: { node, state, address }, message }) => {
    if (state.cause !== undefined) return `${node}: ${message}\n`;
    if (state.stage !== "ready" || !isFew) return "";
    return `${node}: ssh NAME@${address}. Its report: imagectl report ${node} --html --out ${node}.html\n`;
  });
  return lines.join("");
}
