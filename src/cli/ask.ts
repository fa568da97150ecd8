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

export type Choice<Item> = {
  readonly question: string;
  readonly items: readonly Item[];
  /** A line for each of them; its first word is its name, and may be typed as well as its number. */
  readonly shown: readonly string[];
  /** For scripts: the option, and what may stand there. */
  readonly hint: string;
  /** Taken when nothing is typed. */
  readonly preferred?: Item | undefined;
  /** What an answer may be beside a number or a name. @throws ImagectlError, which is shown before the next try. */
  readonly other?: { readonly words: string; read(answer: string): Promise<Item> };
};

/** One of several things, by its number or its name. */
export async function choose<Item>(
  { ask, say }: Asker,
  { question, items, shown, hint, preferred, other }: Choice<Item>,
): Promise<Item> {
  if (ask === undefined) throw missing(question, hint);
  say(`${question}:\n${shown.map((line, index) => `  ${index + 1}) ${line}\n`).join("")}`);
  const kinds = [...(items.length === 0 ? [] : ["Number"]), ...(other === undefined ? [] : [other.words])];
  const mark = preferred === undefined ? "" : ` [${items.indexOf(preferred) + 1}]`;
  const names = shown.map((line) => line.split(" ")[0]);
  return untilTaken(async () => {
    const answer = (await ask(`${kinds.join(" or ")}${mark}: `)).trim();
    if (answer === "" && preferred !== undefined) return preferred;
    const item = items[Number(answer) - 1] ?? items[names.indexOf(answer)];
    if (item !== undefined) return item;
    if (other !== undefined && answer !== "" && !/^[0-9]+$/.test(answer))
      return orExplain(() => other.read(answer), say);
    say(items.length === 0 ? "" : `  a number from 1 to ${items.length}, please\n`);
    return undefined;
  }, question);
}

async function orExplain<Value>(read: () => Promise<Value>, say: Asker["say"]): Promise<Value | undefined> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof ImagectlError)) throw error;
    say(`  ${error.message}. ${error.hint}\n`);
    return undefined;
  }
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
