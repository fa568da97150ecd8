/** Asks sh whether it can read a command. It executes nothing: `sh -n`. */

import { type Finding, ImagectlError } from "../../errors.ts";
import { run } from "../../run.ts";
import { type Command, type Moment, readCommand, type Script, type Shell } from "./commands.ts";

/** How long a shell may read one command. Milliseconds. Our choice: a hung shell must not hang the linter. */
const timeoutMs = 10_000;

/** What sh and bash say of a text that they cannot read: POSIX sh ends with 2, bash with 1 or 2. */
const unreadable = [1, 2];

/** @returns the commands, and the texts inside them for sh -c and bash -c, that no shell can read. */
export async function checkShellSyntax(commands: readonly Command[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const command of commands) {
    const finding = await checkCommand(command);
    if (finding !== undefined) findings.push(finding);
  }
  return findings;
}

/** The whole first: what it cannot read, no text inside it can be either. */
async function checkCommand(command: Command): Promise<Finding | undefined> {
  for (const script of readCommand(command).scripts) {
    const finding = await checkScript(command, script);
    if (finding !== undefined) return finding;
  }
  return undefined;
}

async function checkScript(
  { place, moment }: Command,
  { shell, text }: Script,
): Promise<Finding | undefined> {
  const said = await askShell(shell, text);
  switch (said.kind) {
    case "readable":
      return undefined;
    case "no-answer":
      return place.warning(
        "TOOL_MISSING",
        `${place.name} was not read: there is no ${shell} here, or it gave no answer`,
        `Check the document where there is one: command -v ${shell}`,
      );
    case "unreadable":
      return place.error(
        "COMMAND_SYNTAX",
        `${place.name}: ${shell} cannot read it (${complaint(said.stderr, text)}): ${effects[moment]}`,
        "Check quotes and brackets. To try it: sh -n FILE",
      );
    default:
      return said satisfies never;
  }
}

const effects: Readonly<Record<Moment, string>> = {
  early: "the install stops before it begins",
  late: "the whole install fails after it had succeeded",
  error: "it does nothing",
  boot: "cloud-init puts all of runcmd into one script, and none of it is run",
};

type Answer =
  | { readonly kind: "readable" | "no-answer" }
  | { readonly kind: "unreadable"; readonly stderr: string };

async function askShell(shell: Shell, text: string): Promise<Answer> {
  try {
    const okExitCodes = [0, ...unreadable];
    const env = { LC_ALL: "C" };
    const { exitCode, stderr } = await run(shell, ["-n"], { input: text, timeoutMs, okExitCodes, env });
    return exitCode === 0 ? { kind: "readable" } : { kind: "unreadable", stderr };
  } catch (error) {
    if (error instanceof ImagectlError) return { kind: "no-answer" };
    throw error;
  }
}

/** dash: `sh: 2: Syntax error: …`; bash: `bash: line 2: syntax error …`. */
function complaint(stderr: string, text: string): string {
  const [, line = "", words = "syntax error"] = /^\S+: (?:line )?(\d+): (.*)$/m.exec(stderr) ?? [];
  const lines = text.trimEnd().split("\n").length;
  return lines > 1 && line !== "" ? `line ${line} of it: ${words}` : words;
}
