/** Questions to the person at the terminal, with a default each; in a script, options take their place. */
import type { NameComplaint } from "../cluster/names.ts";
import { ImagectlError } from "../errors.ts";
import type { CommandIo } from "./command.ts";

export type Asker = {
  /** A name by its option, else from the person, else the default. @throws ImagectlError USAGE. */
  name(
    option: string,
    given: string | undefined,
    question: string,
    complain: (name: string) => NameComplaint | undefined,
    fallback: string | undefined,
  ): Promise<string>;
  /** Undefined where nobody can be asked. */
  readonly ask: ((question: string) => Promise<string>) | undefined;
  say(text: string): void;
};

/** So often a wrong answer is asked for again. */
const tries = 5;

export function openAsker(io: CommandIo): Asker {
  const { ask } = io;
  const say = (text: string): void => void io.stderr.write(text);
  return {
    ask,
    say,
    name: async (option, given, question, complain, fallback) => {
      const name = given ?? (ask === undefined ? fallback : undefined);
      if (name !== undefined) return requireName(option, name, complain);
      if (ask === undefined) throw missing(option, `--${option} NAME`);
      const shown = fallback === undefined ? question : `${question} [${fallback}]`;
      return untilTaken(async () => {
        const answer = (await ask(`${shown}: `)).trim() || (fallback ?? "");
        const complaint = complain(answer);
        if (complaint === undefined) return answer;
        say(`  ${complaint.message}. ${complaint.hint}\n`);
        return undefined;
      }, option);
    },
  };
}

/**
 * One of several things, by its number. With nothing to choose from, nobody is asked.
 * @param shown a line for each of them.
 * @param hint for scripts: the option, and what may stand there.
 */
export async function choose<Item>(
  asker: Asker,
  question: string,
  items: readonly Item[],
  shown: readonly string[],
  hint: string,
): Promise<Item> {
  const { ask, say } = asker;
  if (ask === undefined) throw missing(question, hint);
  say(`${question}:\n${shown.map((line, index) => `  ${index + 1}) ${line}\n`).join("")}`);
  return untilTaken(async () => {
    const answer = (await ask(items.length === 1 ? "Number [1]: " : "Number: ")).trim();
    const item = items[(answer === "" && items.length === 1 ? 1 : Number(answer)) - 1];
    if (item === undefined) say(`  a number from 1 to ${items.length}, please\n`);
    return item;
  }, question);
}

async function untilTaken<Value>(once: () => Promise<Value | undefined>, what: string): Promise<Value> {
  for (let tried = 0; tried < tries; tried++) {
    const value = await once();
    if (value !== undefined) return value;
  }
  throw new ImagectlError("USAGE", `${what}: none of ${tries} answers could be used`, {
    hint: "Give it as an option instead: imagectl init --help",
  });
}

function requireName(
  option: string,
  name: string,
  complain: (name: string) => NameComplaint | undefined,
): string {
  const complaint = complain(name);
  if (complaint === undefined) return name;
  throw new ImagectlError("USAGE", `--${option} ${name}: ${complaint.message}`, { hint: complaint.hint });
}

function missing(what: string, hint: string): ImagectlError {
  return new ImagectlError("USAGE", `init: ${what} is not given, and nobody can be asked`, { hint });
}
