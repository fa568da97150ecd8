/** Ctrl-C for commands that stand things up: it rejects a promise, so that what stands is taken down first. */
import { ImagectlError } from "../errors.ts";

export type Interrupt = {
  /** Rejects on the first signal. */
  readonly promise: Promise<never>;
  /** Raises the signal again, unhandled, so that the shell sees what ended us. */
  release(): void;
};

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** @param command for the hint: how to start it again. */
export function untilInterrupted(command: string): Interrupt {
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => {});
  let caught: NodeJS.Signals | undefined;
  const catchSignal = (signal: NodeJS.Signals): void => {
    caught = signal;
    reject(
      new ImagectlError("COMMAND_FAILED", `stopped by ${signal}`, { hint: `Start it again: ${command}` }),
    );
  };
  for (const signal of signals) process.on(signal, catchSignal);
  return {
    promise,
    release: () => {
      for (const signal of signals) process.off(signal, catchSignal);
      if (caught !== undefined) process.kill(process.pid, caught);
    },
  };
}
