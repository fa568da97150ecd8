/** Asks sh whether it can read a command. It executes nothing: `sh -n`. */

import type { Finding } from "../../errors.ts";
import { run } from "../../run.ts";
import { type Command, readCommand, type Script } from "./commands.ts";

/** How long a shell may read one command. Milliseconds. Our choice: a hung shell must not hang the linter. */
const timeoutMs = 10_000;

/** What sh and bash say of a text that they cannot read: POSIX sh ends with 2, bash with 1 or 2. */
const unreadable = [1, 2];

/** @returns the commands, and the texts inside them for sh -c and bash -c, that no shell can read. */
export async function checkShellSyntax(commands: readonly Command[]): Promise<Finding[]> {
  const scripts = commands.flatMap((command) =>
    readCommand(command).scripts.map((script) => ({ command, script })),
  );
  const found = await Promise.all(scripts.map(({ command, script }) => checkScript(command, script)));
  // A part of a text that cannot be read cannot be read either.
  const first = new Map<Command, Finding>();
  for (const [index, finding] of found.entries()) {
    const command = scripts[index]?.command;
    if (finding !== undefined && command !== undefined && !first.has(command)) first.set(command, finding);
  }
  return [...first.values()];
}

async function checkScript(
  { place, moment }: Command,
  { shell, text }: Script,
): Promise<Finding | undefined> {
  const { exitCode, stderr } = await run(shell, ["-n"], {
    input: text,
    timeoutMs,
    okExitCodes: [0, ...unreadable],
    env: { LC_ALL: "C" },
    hint: `The linter asks ${shell} to read each command: is it installed?`,
  });
  if (exitCode === 0) return undefined;
  const effect = {
    early: "the install stops before it begins",
    late: "the whole install fails after it had succeeded",
    error: "it does nothing",
    boot: "cloud-init puts all of runcmd into one script, and none of it is run",
  }[moment];
  return place.error(
    "COMMAND_SYNTAX",
    `${place.name}: ${shell} cannot read it (${complaint(stderr, text)}): ${effect}`,
    "Check quotes and brackets. To try it: sh -n FILE",
  );
}

/** dash: `sh: 2: Syntax error: …`; bash: `bash: line 2: syntax error …`. */
function complaint(stderr: string, text: string): string {
  const [, line = "", words = "syntax error"] = /^\S+: (?:line )?(\d+): (.*)$/m.exec(stderr) ?? [];
  const lines = text.trimEnd().split("\n").length;
  return lines > 1 && line !== "" ? `line ${line} of it: ${words}` : words;
}
