/** Every command of a document, and the single steps that it is made of, down to what runs inside `sh -c`. */
import { type Place, textOf, textsOf } from "./place.ts";
import { readShell, type SimpleCommand } from "./shell-words.ts";
import type { Subject } from "./subject.ts";

/** `late` and `early` abort the install when they fail; `error` and `boot` (cloud-init's) do not. */
export type Moment = "early" | "late" | "error" | "boot";

export type Command = {
  readonly place: Place;
  readonly moment: Moment;
  /** As it is written; the words of a list with a blank between them. */
  readonly text: string;
  /** Set for a list, which no shell reads. */
  readonly argv?: readonly string[];
};

const lists: Readonly<Record<string, Moment>> = {
  "early-commands": "early",
  "late-commands": "late",
  "error-commands": "error",
};

export function commandsOf({ autoinstall, whole }: Subject): Command[] {
  const userData = autoinstall.at("user-data");
  return [
    ...Object.entries(lists).flatMap(([key, moment]) => commandsIn(autoinstall.at(key), moment)),
    ...[userData, whole].flatMap((config) =>
      ["runcmd", "bootcmd"].flatMap((key) => commandsIn(config.at(key), "boot")),
    ),
  ];
}

function commandsIn(list: Place, moment: Moment): Command[] {
  return list.items().flatMap((place): Command[] => {
    const text = textOf(place);
    if (text !== undefined) return [{ place, moment, text }];
    const argv = textsOf(place).map((word) => word.text);
    return argv.length > 0 && argv.length === place.items().length
      ? [{ place, moment, text: argv.join(" "), argv }]
      : [];
  });
}

export type Shell = "sh" | "bash";

/** One simple command, with what is known of where it runs. */
export type Step = Omit<SimpleCommand, "words"> & {
  readonly place: Place;
  readonly moment: Moment;
  /** Without what only leads to it: assignments, `curtin in-target --`, `chroot /target`. */
  readonly words: readonly string[];
  /** The words that led to it. */
  readonly wrapper: readonly string[];
  /** undefined in a list: no shell reads it. */
  readonly shell: Shell | undefined;
  readonly isInTarget: boolean;
  /** Its exit code is that of the whole command. */
  readonly isLast: boolean;
  /** The one before it in the same line: what a pipe comes from, what an && depends on. */
  readonly previous: Step | undefined;
  /** Brace expansions are written outside of quotes only. */
  readonly bareWords: readonly string[];
};

export type Script = { readonly place: Place; readonly shell: Shell; readonly text: string };

export type ReadCommand = { readonly steps: readonly Step[]; readonly scripts: readonly Script[] };

type Surroundings = Pick<Step, "place" | "moment" | "shell" | "isInTarget"> & { readonly isLast: boolean };

/** @returns its steps, and every text in it that a shell has to read. */
export function readCommand(command: Command): ReadCommand {
  const { place, moment, argv, text } = command;
  if (argv === undefined) {
    return readScript(text, { place, moment, shell: "sh", isInTarget: false, isLast: true });
  }
  const words = argv.map((word) => ({ text: word, isQuoted: true }));
  const simple = { words, redirects: [], documents: [], before: "", after: "", depth: 0 };
  return readSteps([simple], { place, moment, shell: undefined, isInTarget: false, isLast: true });
}

function readScript(text: string, around: Surroundings & { readonly shell: Shell }): ReadCommand {
  const inner = readSteps(readShell(text), around);
  return {
    steps: inner.steps,
    scripts: [{ place: around.place, shell: around.shell, text }, ...inner.scripts],
  };
}

function readSteps(commands: readonly SimpleCommand[], around: Surroundings): ReadCommand {
  const steps: Step[] = [];
  const scripts: Script[] = [];
  let previous: Step | undefined;
  for (const [index, simple] of commands.entries()) {
    const all = simple.words.map((word) => word.text);
    const { wrapper, words, isInTarget } = unwrap(all);
    const step: Step = {
      ...simple,
      ...around,
      words,
      wrapper,
      isInTarget: around.isInTarget || isInTarget,
      isLast: around.isLast && index === commands.length - 1,
      previous,
      bareWords: simple.words.filter(({ isQuoted }) => !isQuoted).map((word) => word.text),
    };
    steps.push(step);
    previous = step;
    const nested = nestedScript(words);
    if (nested === undefined) continue;
    const { place, moment, isLast } = step;
    const inside = { place, moment, isLast, isInTarget: step.isInTarget, shell: nested.shell };
    const read = readScript(nested.text, inside);
    steps.push(...read.steps);
    scripts.push(...read.scripts);
  }
  return { steps, scripts };
}

function nestedScript(words: readonly string[]): { shell: Shell; text: string } | undefined {
  const shell = /^(?:\/(?:usr\/)?bin\/)?(sh|dash|bash)$/.exec(words[0] ?? "")?.[1];
  const flag = words.findIndex((word) => /^-[a-z]*c$/.test(word));
  const text = flag < 0 ? undefined : words[flag + 1];
  if (shell === undefined || text === undefined) return undefined;
  return { shell: shell === "bash" ? "bash" : "sh", text };
}

type Unwrapped = Pick<Step, "wrapper" | "words" | "isInTarget">;

/** Programs that run the words after them, here or in the installed system. */
function unwrap(all: readonly string[]): Unwrapped {
  let at = 0;
  let isInTarget = false;
  for (;;) {
    const start = at;
    while (/^[A-Za-z_]\w*=/.test(all[at] ?? "")) at += 1;
    if (all[at] === "curtin" && all[at + 1] === "in-target") {
      isInTarget = true;
      at = skipOptions(all, at + 2, ["-t", "--target"]);
    } else if (all[at] === "chroot" && all[at + 1] !== undefined) {
      isInTarget ||= /^\/target\b|TARGET/.test(all[at + 1] ?? "");
      at += 2;
    } else if (/^(sudo|env|nice|nohup|exec|time)$/.test(all[at] ?? "") && all.length > at + 1) {
      at = skipOptions(all, at + 1, ["-u", "-n"]);
    }
    if (at === start) return { wrapper: all.slice(0, at), words: all.slice(at), isInTarget };
  }
}

/** @returns where the command begins, behind the options and a `--`. */
function skipOptions(all: readonly string[], from: number, withValue: readonly string[]): number {
  let at = from;
  while (/^-/.test(all[at] ?? "")) {
    const option = all[at] as string;
    at += withValue.includes(option) ? 2 : 1;
    if (option === "--") break;
  }
  return at;
}
