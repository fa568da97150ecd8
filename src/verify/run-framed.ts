/** Runs a check's script through any program that takes POSIX sh: the bridge from run.ts to a RunAt. */
import { anyExitCode, run } from "../run.ts";
import { frameScript, killAfterSeconds, parseFramed } from "./frame.ts";
import type { RunAt } from "./report.ts";

/** What a way to a place costs beside the command itself: an ssh handshake on an emulated machine. Seconds. */
const reachSeconds = 45;

/**
 * @param place named in errors.
 * @param command the words that lead there and end in a shell reading its script from standard input.
 * @returns a RunAt that rejects with VANTAGE_UNREACHABLE or COMMAND_FAILED when the place does not answer.
 */
export function runThrough(
  place: string,
  command: readonly [string, ...string[]],
  environment: Readonly<Record<string, string>> = {},
): RunAt {
  const [program, ...args] = command;
  return async (script, timeoutSeconds) => {
    const { stdout, stderr } = await run(program, args, {
      input: frameScript(script, timeoutSeconds, environment),
      okExitCodes: anyExitCode,
      timeoutMs: (timeoutSeconds + killAfterSeconds + reachSeconds) * 1000,
    });
    return parseFramed(place, stdout, stderr);
  };
}
