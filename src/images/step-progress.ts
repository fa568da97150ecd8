/** Numbers, times and names the steps of one build; a failed one says what to look at. */
import { ImagectlError } from "../errors.ts";
import type { BuildEvent } from "./build-event.ts";

export type StepOutcome<Value> = { readonly value: Value; readonly result?: string };

/** Called as often as one likes with how much of a long step is done, bytes. */
export type TellDone = (doneBytes: number, allBytes: number) => void;

export type StepProgress = <Value>(
  step: string,
  act: (tell: TellDone) => Promise<StepOutcome<Value>>,
) => Promise<Value>;

export type ProgressOptions = {
  /** Which image: `debian-12 golden image`. */
  readonly image: string;
  readonly total: number;
  readonly now: () => Date;
  readonly signal: AbortSignal;
  readonly onEvent: (event: BuildEvent) => void;
  /** What a failed build leaves for a look; undefined for one that leaves nothing. */
  readonly leaves?: {
    readonly logPath: string;
    /** Where the root comes into being. */
    readonly root: string;
  };
};

/** @returns a function that runs the next step. */
export function openProgress(options: ProgressOptions): StepProgress {
  const { image, total, now, onEvent } = options;
  let index = 0;
  return async (step, act) => {
    index += 1;
    const place = { image, index, total, step };
    const startedAt = now().getTime();
    onEvent({ kind: "step-started", ...place });
    const { value, result } = await act(tellPercents(place, onEvent)).catch((error: unknown) => {
      throw explainFailure(error, step, options);
    });
    const seconds = (now().getTime() - startedAt) / 1000;
    onEvent({ kind: "step-finished", ...place, seconds, ...(result === undefined ? {} : { result }) });
    return value;
  };
}

/** A whole percent is one event. */
function tellPercents(
  place: { readonly image: string; readonly index: number; readonly total: number; readonly step: string },
  onEvent: (event: BuildEvent) => void,
): TellDone {
  let last = 0;
  return (doneBytes, allBytes) => {
    const percent = Math.floor((100 * doneBytes) / Math.max(allBytes, 1));
    if (percent === last) return;
    last = percent;
    onEvent({ kind: "step-progress", ...place, percent });
  };
}

function explainFailure(error: unknown, step: string, options: ProgressOptions): unknown {
  if (options.signal.aborted) return interrupted(options.image, error);
  // Anything but our own errors is a defect, and its trace is needed.
  if (!(error instanceof ImagectlError)) return error;
  if (options.leaves === undefined) return error;
  const { root, logPath } = options.leaves;
  const look = `Look inside: chroot ${root} /bin/sh. All that was said: ${logPath}`;
  if (error.code !== "COMMAND_FAILED") {
    return new ImagectlError(error.code, `${options.image}: step "${step}": ${error.message}`, {
      hint: `${error.hint}\n    ${look}`,
      cause: error,
    });
  }
  // The command line of a step in namespaces is long and says little; what it printed last says more.
  const lines = error.message.split("\n").slice(1).join("\n").trim();
  return new ImagectlError("BUILD_FAILED", `${options.image}: step "${step}" failed\n${lines}`, {
    hint: look,
    cause: error,
  });
}

function interrupted(image: string, cause: unknown): ImagectlError {
  return new ImagectlError("BUILD_INTERRUPTED", `${image}: interrupted, nothing was published`, {
    hint: "Start it again: what was downloaded stays in the cache.",
    cause,
  });
}
