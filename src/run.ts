/** The only importer of execa: every program that imagectl starts, it starts here. */
import { execa } from "execa";
import { ImagectlError } from "./errors.ts";
import { shellLine } from "./shell.ts";

export type RunOptions = {
  readonly cwd?: string;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Uint8Array;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** What `signal` and `timeoutMs` send. Default: SIGTERM. */
  readonly killSignal?: NodeJS.Signals;
  /** Called for each line of stdout and stderr as it comes: progress of long work. */
  readonly onLine?: (line: string) => void;
  /** Exit codes that are answers, not failures. Default: only 0. */
  readonly okExitCodes?: readonly number[];
  readonly hint?: string;
};

/** For `okExitCodes`: whatever a program ends with is an answer. */
export const anyExitCode: readonly number[] = Array.from({ length: 256 }, (_unused, code) => code);

export type RunResult = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

/**
 * Runs a program to its end, without a shell.
 * @throws ImagectlError COMMAND_FAILED with the command line and the last lines that it printed.
 */
export async function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const child = execa(command, [...args], {
    reject: false,
    stripFinalNewline: false,
    all: options.onLine !== undefined,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: { ...options.env } }),
    ...(options.input === undefined ? { stdin: "ignore" as const } : { input: options.input }),
    ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
    ...(options.killSignal === undefined ? {} : { killSignal: options.killSignal }),
  });
  const onLine = options.onLine;
  const lines = onLine === undefined ? undefined : forwardLines(child.iterable({ from: "all" }), onLine);
  const result = await child;
  await lines;
  const stdout = String(result.stdout ?? "");
  const stderr = String(result.stderr ?? "");
  if (result.exitCode !== undefined && (options.okExitCodes ?? [0]).includes(result.exitCode)) {
    return { exitCode: result.exitCode, stdout, stderr };
  }
  const ending = result.timedOut
    ? `did not end within ${options.timeoutMs} ms`
    : result.exitCode === undefined
      ? (result.shortMessage ?? "could not be run")
      : `ended with exit code ${result.exitCode}`;
  const tail = `${stdout}\n${stderr}`.trim().split("\n").slice(-12).join("\n");
  throw new ImagectlError("COMMAND_FAILED", `${shellLine([command, ...args])}: ${ending}\n${tail}`, {
    hint: options.hint ?? `Run the command by hand to see it fail: ${shellLine([command, ...args])}`,
    cause: result.cause,
  });
}

async function forwardLines(lines: AsyncIterable<unknown>, onLine: (line: string) => void): Promise<void> {
  for await (const line of lines) onLine(String(line));
}

export type StartedProcess = {
  readonly pid: number;
  /** Settles when the process has ended, however it ended. */
  readonly exited: Promise<{ readonly exitCode: number | undefined; readonly signal: string | undefined }>;
  /** Sends a signal, SIGTERM by default. */
  stop(signal?: NodeJS.Signals): void;
};

export type StartOptions = {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Called for each line of stdout and stderr as it comes. */
  readonly onLine: (line: string) => void;
};

/**
 * Starts a program that goes on running: a server, a virtual machine. It ends when this process ends.
 * @throws ImagectlError COMMAND_FAILED when it cannot be started at all.
 */
export function start(command: string, args: readonly string[], options: StartOptions): StartedProcess {
  const child = execa(command, [...args], {
    reject: false,
    all: true,
    buffer: false,
    stdin: "ignore",
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: { ...options.env } }),
  });
  if (child.pid === undefined) {
    throw new ImagectlError("COMMAND_FAILED", `${shellLine([command, ...args])}: could not be started`, {
      hint: `Check that it is installed: command -v ${command}`,
    });
  }
  const lines = forwardLines(child.iterable({ from: "all" }), options.onLine);
  return {
    pid: child.pid,
    exited: child.then(async (result) => {
      await lines;
      return { exitCode: result.exitCode, signal: result.signal };
    }),
    stop: (signal = "SIGTERM") => {
      child.kill(signal);
    },
  };
}
