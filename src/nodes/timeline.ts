/** Where the time of an attempt went: seconds per stage and per deploy step, from its events alone. */
import type { AttemptState, NodeEvent, Stage } from "./event.ts";
import { reduce } from "./reduce.ts";

export type StageSpan = {
  readonly stage: Stage;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  /** Until the next stage; undefined for the last one, which has not ended. */
  readonly seconds: number | undefined;
};

export type StepSpan = { readonly index: number; readonly step: string; readonly seconds: number };

export type Silence = {
  readonly stage: Stage;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly seconds: number;
  /** The deploy step before it. */
  readonly step?: string;
};

/** Seconds without an event that are worth a line. Our choice: the longest silent step of an emulated machine takes 30. */
const silenceSeconds = 45;

/** Stages in which a node is busy and heard of; elsewhere silence says nothing. */
const audible: ReadonlySet<Stage> = new Set([
  "network-boot",
  "deploy-environment",
  "deploying",
  "deployed",
  "restarting",
]);

export type Timeline = {
  /** In order; a stage appears again when it was entered again (another try). */
  readonly stages: readonly StageSpan[];
  /** Finished deploy steps of the last try, as the node measured them. */
  readonly steps: readonly StepSpan[];
  /** When nothing was heard of the node although it was on its way: a pulled cable, a server that was down. */
  readonly silences: readonly Silence[];
  /** From the first boot request (power-on plus POST) to `ready`; undefined until then. */
  readonly bootToReadySeconds: number | undefined;
};

/** @param events of one attempt, in order. */
export function timeline(events: readonly NodeEvent[]): Timeline {
  const entries = stageEntries(events);
  const stages = entries.map((entry, index) => {
    const next = entries[index + 1];
    return {
      ...entry,
      seconds: next === undefined ? undefined : secondsBetween(entry.startedAt, next.startedAt),
    };
  });
  const boot = entries.find((entry) => entry.stage === "network-boot");
  const ready = entries.find((entry) => entry.stage === "ready");
  return {
    stages,
    steps: finishedSteps(events),
    silences: silencesIn(events),
    bootToReadySeconds: boot && ready ? secondsBetween(boot.startedAt, ready.startedAt) : undefined,
  };
}

function stageEntries(events: readonly NodeEvent[]): { stage: Stage; startedAt: string }[] {
  const entries: { stage: Stage; startedAt: string }[] = [];
  let state: AttemptState | undefined;
  for (const event of events) {
    const next = reduce(state, event);
    if (next.stage !== state?.stage) entries.push({ stage: next.stage, startedAt: event.at });
    state = next;
  }
  return entries;
}

function silencesIn(events: readonly NodeEvent[]): Silence[] {
  const silences: Silence[] = [];
  let state: AttemptState | undefined;
  for (const [index, event] of events.entries()) {
    state = reduce(state, event);
    const next = events[index + 1];
    if (next === undefined || !audible.has(state.stage)) continue;
    const seconds = secondsBetween(event.at, next.at);
    if (seconds < silenceSeconds) continue;
    const step = state.step === undefined ? {} : { step: state.step.name };
    silences.push({ stage: state.stage, startedAt: event.at, seconds, ...step });
  }
  return silences;
}

function finishedSteps(events: readonly NodeEvent[]): StepSpan[] {
  const names = new Map<number, string>();
  const finished = new Map<number, StepSpan>();
  for (const { body } of events) {
    if (body.kind === "seed-redeemed") finished.clear();
    if (body.kind === "step-started") names.set(body.index, body.step);
    if (body.kind === "step-finished") {
      const step = names.get(body.index) ?? `step ${body.index}`;
      finished.set(body.index, { index: body.index, step, seconds: body.seconds });
    }
  }
  return [...finished.values()];
}

function secondsBetween(from: string, to: string): number {
  return (Date.parse(to) - Date.parse(from)) / 1000;
}
