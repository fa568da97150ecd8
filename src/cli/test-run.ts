/** For tests of commands: runs one command line in this process and keeps what it says. */
import type { CommandIo } from "./command.ts";
import { main } from "./main.ts";

export type CapturedRun = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** What the test wants otherwise: its environment, answers to questions. Nothing is a terminal. */
type TestIo = Partial<Omit<CommandIo, "stdout" | "stderr">>;

/** @returns the world of a command, and what it has said so far. */
export function captureIo(io: TestIo): {
  readonly io: CommandIo;
  readonly said: { readonly stdout: string; readonly stderr: string };
} {
  const said = { stdout: "", stderr: "" };
  const into = (stream: "stdout" | "stderr") => ({
    write: (text: string) => {
      said[stream] += text;
    },
  });
  return { io: { env: {}, isTty: false, ...io, stdout: into("stdout"), stderr: into("stderr") }, said };
}

export async function runCaptured(argv: readonly string[], io: TestIo): Promise<CapturedRun> {
  const captured = captureIo(io);
  const code = await main(argv, captured.io);
  return { code, ...captured.said };
}
