/** What an attempt is doing: a pure function over its events, the only place where stages are decided. */
import { overdueCause } from "./diagnose.ts";
import type {
  AttemptState,
  Cause,
  EventBody,
  InstallerReport,
  InstallerStage,
  NodeEvent,
  Stage,
} from "./event.ts";
import { logOfFailure } from "./installer-report.ts";

/** Redeemed seed tokens per attempt, after which the next network boot ends it. Our choice: design.md "attempt". */
export const triesPerAttempt = 3;

/** A rescue writes nothing, so it may be started as often as somebody needs it. */
export function hasTriesLeft(state: AttemptState): boolean {
  return state.purpose === "rescue" || state.tries < triesPerAttempt;
}

/**
 * @param state undefined before the first event, which is always `armed`.
 * @returns the state after the event; the same object when the event changes nothing.
 */
export function reduce(state: AttemptState | undefined, event: NodeEvent): AttemptState {
  const { body, at } = event;
  if (state === undefined) {
    if (body.kind !== "armed") throw new Error(`attempt ${event.attempt} starts with ${body.kind}`);
    const { deadline, purpose } = body;
    return {
      ...{ stage: "armed", since: at, heardAt: at, deadline, tries: 0, isDeployed: false, isLive: true },
      ...(purpose === undefined ? {} : { purpose }),
    };
  }
  return isListening(state, body) ? advance(state, body, at) : state;
}

/** Replays a log: what the stored state must equal. */
export function reduceAll(events: readonly NodeEvent[]): AttemptState | undefined {
  return events.reduce<AttemptState | undefined>(reduce, undefined);
}

/** An attempt that is over takes nothing in any more, but a deployed node can be proved again. */
function isListening(state: AttemptState, body: EventBody): boolean {
  if (state.isLive || body.kind === "retired") return true;
  if (state.stage === "retired") return false;
  return state.isDeployed && state.stage !== "disarmed" && isProof(body);
}

function isProof(body: EventBody): boolean {
  return body.kind === "verify-started" || body.kind === "verify-finished";
}

function advance(state: AttemptState, body: EventBody, at: string): AttemptState {
  switch (body.kind) {
    case "armed":
    case "seed-refused":
      return state;
    case "disarmed":
      return { ...enter(state, "disarmed", at), heardAt: state.heardAt, isLive: false };
    case "retired":
      return { ...enter(state, "retired", at), heardAt: state.heardAt, isLive: false };
    case "restart-requested":
      return state.isDeployed ? state : enter(state, "shutting-down", at);
    case "boot-offered":
    case "boot-script-served":
      return atBoot(state, at);
    case "machine-too-small":
      return state.isDeployed ? state : fail(state, tooSmallCause(body), at);
    case "seed-redeemed":
      return state.isDeployed ? state : { ...enter(state, "deploy-environment", at), tries: state.tries + 1 };
    case "inventory-received":
      return state.isDeployed ? state : enter(state, "deploy-environment", at);
    case "deploy-refused":
    case "step-started":
    case "step-progress":
    case "step-finished":
    case "step-failed":
    case "deployed":
      if (state.purpose === "rescue") return atRescue(state, body, at);
      return state.isDeployed ? state : atDeploy(state, body, at);
    case "installer-report":
      return atInstaller(state, body, at);
    case "rescue-ready":
      return state.purpose === "rescue" ? enter(state, "rescue", at) : state;
    case "system-reached":
      return state.isDeployed ? enter(state, "verifying", at) : state;
    case "verify-started":
      return state.isDeployed ? { ...enter(state, "verifying", at), isLive: true } : state;
    case "verify-finished":
      return state.isDeployed ? atVerdict(state, body, at) : state;
    case "verify-interrupted":
      return { ...state, cause: interruptionCause(body.reason) };
    case "stage-overdue":
      return body.stage === state.stage ? { ...state, cause: overdueCause(body, body.seconds) } : state;
    case "attempt-failed":
      return { ...fail(state, body.cause, at), heardAt: state.heardAt, isLive: false };
    case "server-failed":
      return { ...state, cause: serverCause(body) };
    default:
      return body satisfies never;
  }
}

/** The firmware asks: before the deploy that is a (new) try, after it the restart into the installed system. */
function atBoot(state: AttemptState, at: string): AttemptState {
  if (!state.isDeployed) return enter(state, "network-boot", at);
  const isRestart = state.stage === "deployed" || state.stage === "restarting";
  return isRestart ? enter(state, "restarting", at) : state;
}

type DeployBody = Extract<
  EventBody,
  { kind: "deploy-refused" | "step-started" | "step-progress" | "step-finished" | "step-failed" | "deployed" }
>;

/** Nothing is ever deployed in a rescue; its steps make the way in, and only their failure is news. */
function atRescue(state: AttemptState, body: DeployBody, at: string): AttemptState {
  const isFailure = body.kind === "step-failed" || body.kind === "deploy-refused";
  return isFailure ? atDeploy(state, body, at) : { ...state, heardAt: at };
}

function atDeploy(state: AttemptState, body: DeployBody, at: string): AttemptState {
  switch (body.kind) {
    case "deploy-refused":
      return fail(state, refusalCause(body.findings), at);
    case "step-started": {
      const step = { index: body.index, total: body.total, name: body.step };
      return { ...enter(state, "deploying", at), step };
    }
    case "step-progress": {
      if (state.step?.index !== body.index) return { ...state, heardAt: at };
      const { bytes, totalBytes, bytesPerSecond } = body;
      return { ...state, heardAt: at, progress: { bytes, totalBytes, bytesPerSecond } };
    }
    case "step-finished":
      return { ...state, heardAt: at };
    case "step-failed":
      return keepStep(state, fail(state, stepCause(state, body), at));
    case "deployed":
      return { ...enter(state, "deployed", at), isDeployed: true };
    default:
      return body satisfies never;
  }
}

/** What the installer says of itself is a detail of the step that our agent inside it has told, until the installer gives up. */
function atInstaller(state: AttemptState, report: InstallerReport, at: string): AttemptState {
  if (state.purpose === "rescue" || state.stage === "failed") return { ...state, heardAt: at };
  if ("stage" in report) {
    const entered = enter(state, stageAtInstaller(state, report.stage), at);
    return { ...keepStep(state, entered), installer: { stage: report.stage } };
  }
  const { failure: name, text, isFinal } = report;
  const first = state.installer?.failure ?? { name, text };
  const installer = { ...state.installer, failure: { ...first, isFinal } };
  if (!isFinal) return { ...state, heardAt: at, installer };
  const words = [...new Set([first.text, text])].filter((part) => part !== "").join("; ");
  const cause = installerCause(state, first.name, words);
  return state.isDeployed
    ? { ...state, heardAt: at, installer, cause }
    : keepStep(state, fail(state, cause, at));
}

function stageAtInstaller({ stage, isDeployed }: AttemptState, said: InstallerStage): Stage {
  if (!isDeployed) return stage === "deploying" ? stage : "deploy-environment";
  const isInstalledSystem = said === "cloud-init" || said === "called-home";
  return stage === "deployed" && isInstalledSystem ? "restarting" : stage;
}

function atVerdict(
  state: AttemptState,
  verdict: Extract<EventBody, { kind: "verify-finished" }>,
  at: string,
): AttemptState {
  if (verdict.isReady) return { ...enter(state, "ready", at), isLive: false };
  const message =
    verdict.red === 0
      ? "no acceptance check was green: nothing is proved"
      : `${verdict.red} ${verdict.red === 1 ? "acceptance check is" : "acceptance checks are"} red`;
  const hint = "See which: imagectl verify NODE --last. After a repair: imagectl verify NODE";
  return { ...fail(state, { message, hint }, at), isLive: false };
}

/** The same stage goes on; another one starts now. What belonged to the last one is gone. */
function enter(state: AttemptState, stage: Stage, at: string): AttemptState {
  return {
    stage,
    since: state.stage === stage ? state.since : at,
    heardAt: at,
    deadline: state.deadline,
    ...(state.purpose === undefined ? {} : { purpose: state.purpose }),
    tries: state.tries,
    isDeployed: state.isDeployed,
    isLive: state.isLive,
  };
}

/** Before the deploy a failure leaves the attempt live: the next network boot is the next try. */
function fail(state: AttemptState, cause: Cause, at: string): AttemptState {
  return { ...enter(state, "failed", at), cause };
}

function keepStep(before: AttemptState, after: AttemptState): AttemptState {
  return before.step === undefined ? after : { ...after, step: before.step };
}

function stepCause(state: AttemptState, body: Extract<EventBody, { kind: "step-failed" }>): Cause {
  const step = state.step?.index === body.index ? ` (${state.step.name})` : "";
  return {
    message: `step ${body.index}${step} ended with exit code ${body.exitCode}`,
    hint: `Its log's tail: imagectl events NODE. ${nextTry(state)}`,
  };
}

function nextTry({ tries }: AttemptState): string {
  const left = triesPerAttempt - tries;
  return left > 0
    ? `Power-cycle the node for another try (${left} left).`
    : "No try is left: imagectl disarm NODE, then imagectl arm NODE";
}

function installerCause(state: AttemptState, name: string, words: string): Cause {
  const message =
    words === "" ? `the installer failed at ${name}` : `the installer failed: ${words} (at ${name})`;
  const next = state.isDeployed ? "Its disk is complete: power-cycle the node." : nextTry(state);
  return {
    message,
    hint: `Its log, on the node's console: ${logOfFailure(name)}. What came before: imagectl events NODE. ${next}`,
  };
}

function tooSmallCause(body: Extract<EventBody, { kind: "machine-too-small" }>): Cause {
  return {
    message: `the machine has ${body.memoryMiB} MiB of memory; what it is armed with needs ${body.requiredMiB} MiB`,
    hint: "Give it more memory (are all DIMMs seen by its firmware?), then power-cycle it: imagectl watch NODE",
  };
}

function refusalCause(findings: readonly { readonly message: string; readonly hint: string }[]): Cause {
  const [first, ...rest] = findings;
  if (first === undefined) return { message: "the deploy was refused", hint: "imagectl events NODE" };
  const more = rest.length === 0 ? "" : ` (and ${rest.length} more: imagectl events NODE)`;
  return {
    message: `${first.message}${more}`,
    hint: `${first.hint} Then arm it anew: imagectl disarm NODE && imagectl arm NODE`,
  };
}

function interruptionCause(reason: string): Cause {
  return {
    message: `the proof was interrupted: ${reason}`,
    hint: "It is made anew when the node answers. Look at its cable and console; to give up: imagectl disarm NODE",
  };
}

function serverCause(body: Extract<EventBody, { kind: "server-failed" }>): Cause {
  return {
    message: `${body.request} failed on our side: ${body.message}`,
    hint: "The node asks again by itself. See the log of imagectl serve; if the node gave up, power-cycle it.",
  };
}
