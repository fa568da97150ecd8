/** Numbers, times and names the steps of one build; a failed one says where its log and its root are. */
import { ImagectlError } from "../errors.ts";
import type { BuildEvent } from "./build-event.ts";

export type StepOutcome<Value> = { readonly value: Value; readonly result?: string };

export type StepProgress = <Value>(step: string, act: () => Promise<StepOutcome<Value>>) => Promise<Value>;

export type ProgressOptions = {
  /** Which image: `debian-12 golden image`. */
  readonly image: string;
  readonly total: number;
  readonly now: () => Date;
  readonly signal: AbortSignal;
  readonly onEvent: (event: BuildEvent) => void;
  readonly logPath: string;
  /** Where the root comes into being. */
  readonly root: string;
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
    const { value, result } = await act().catch((error: unknown) => {
      throw explainFailure(error, step, options);
    });
    const seconds = (now().getTime() - startedAt) / 1000;
    onEvent({ kind: "step-finished", ...place, seconds, ...(result === undefined ? {} : { result }) });
    return value;
  };
}

function explainFailure(error: unknown, step: string, options: ProgressOptions): unknown {
  if (options.signal.aborted) return interrupted(options.image, error);
  // Anything but our own errors is a defect, and its trace is needed.
  if (!(error instanceof ImagectlError)) return error;
  const look = `Look inside: chroot ${options.root} /bin/sh. All that was said: ${options.logPath}`;
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
    hint: "Start it again: packages that were downloaded stay in the cache.",
    cause,
  });
}
