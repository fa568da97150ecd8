/** For tests of commands: runs one command line in this process and keeps what it says. */
import type { CommandIo } from "./command.ts";
import { main } from "./main.ts";

export type CapturedRun = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** @param io what the test wants otherwise: its environment, answers to questions. Nothing is a terminal. */
export async function runCaptured(
  argv: readonly string[],
  io: Partial<Omit<CommandIo, "stdout" | "stderr">>,
): Promise<CapturedRun> {
  const said = { stdout: "", stderr: "" };
  const into = (stream: "stdout" | "stderr") => ({
    write: (text: string) => {
      said[stream] += text;
    },
  });
  const code = await main(argv, {
    env: {},
    isTty: false,
    ...io,
    stdout: into("stdout"),
    stderr: into("stderr"),
  });
  return { code, ...said };
}
