/** How builds show what they do: events as JSON, or lines of which the last one lives. */
import { type BuildEvent, describeBuildEvent, stepLine } from "../images/build-event.ts";
import type { CommandIo } from "./command.ts";

/** What a shell says of a program that SIGINT ended: 128 + 2. */
const interruptedExitCode = 130;

/** What a build is given: when to end, and whom to tell how far it is. */
export type Following = { readonly signal: AbortSignal; readonly onEvent: Display["event"] };

/**
 * Runs what shows its progress; a signal ends it at once.
 * @param interrupted what is said then, if anything.
 * @returns what `act` gives as exit code, or that of an interrupted program.
 */
export async function untilInterrupted(
  io: CommandIo,
  { show, interrupted = "" }: { readonly show: Display; readonly interrupted?: string },
  act: (following: Following) => Promise<number>,
): Promise<number> {
  const { signal, release } = abortOnSignals();
  try {
    return await act({ signal, onEvent: show.event });
  } catch (error) {
    if (!signal.aborted) throw error;
    io.stderr.write(interrupted);
    return interruptedExitCode;
  } finally {
    show.end();
    release();
  }
}

/** Whoever waits for what it ends cleans up. */
function abortOnSignals(): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const abort = () => controller.abort();
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  // Not `once`: where nobody listens any more, execa ends the process itself before it could clean up.
  for (const name of signals) process.on(name, abort);
  return {
    signal: controller.signal,
    release: () => {
      for (const name of signals) process.off(name, abort);
    },
  };
}

/** What a build says while it runs. */
export type Display = { readonly event: (event: BuildEvent) => void; end(): void };

/** @param json whether a program reads it. */
export function showBuild(io: CommandIo, json: boolean): Display {
  return json ? showJson(io) : showText(io);
}

function showJson(io: CommandIo): Display {
  return { event: (event) => io.stdout.write(`${JSON.stringify(event)}\n`), end: () => {} };
}

/**
 * On a terminal the line of the running step counts its seconds and shows how much of a long one is done; elsewhere a
 * line appears when it is done.
 */
export function showText(io: CommandIo): Display {
  let ticking: NodeJS.Timeout | undefined;
  let done = "";
  const stop = () => {
    clearInterval(ticking);
    if (ticking !== undefined) io.stderr.write("\r\x1b[K");
    ticking = undefined;
    done = "";
  };
  const event = (happened: BuildEvent) => {
    if (happened.kind === "step-progress") {
      // The next tick shows it.
      done = `${happened.percent} %`;
      return;
    }
    stop();
    const line = describeBuildEvent(happened);
    if (line !== undefined) io.stderr.write(`${line}\n`);
    if (happened.kind !== "step-started" || !io.isTty) return;
    const startedAt = performance.now();
    const draw = () =>
      io.stderr.write(`\r${stepLine(happened, (performance.now() - startedAt) / 1000, done)}\x1b[K`);
    draw();
    ticking = setInterval(draw, 1000);
  };
  return { event, end: stop };
}
