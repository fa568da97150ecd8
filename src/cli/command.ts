/** The shape of a command: what `main.ts` parses, documents and runs. A new command is one file and one line in the table. */
import type { ParseArgsOptionDescriptor, parseArgs } from "node:util";

/**
 * Where completion finds the words of a command: names from the cluster file (`targets` are nodes and groups),
 * files, nothing, or these.
 */
export type WordSource = "nodes" | "targets" | "file" | "nothing" | readonly string[];

/** The world of a command: where it prints and what it reads from its surroundings. */
export type CommandIo = {
  /** Answers: what a pipe should get. */
  readonly stdout: { write(text: string): unknown };
  /** Progress and problems. */
  readonly stderr: { write(text: string): unknown };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Asks the person at the terminal one question; undefined when standard input is none. */
  readonly ask?: (question: string) => Promise<string>;
  /** The table of all commands, for the one that describes them to shells. */
  readonly commands?: () => Promise<ReadonlyMap<string, Command>>;
  /** Standard output is a terminal: colours and lines that are redrawn make sense. */
  readonly isTty: boolean;
};

/** An option of node:util's parseArgs, plus what `--help` says about it. */
export type OptionSpec = ParseArgsOptionDescriptor & {
  readonly description: string;
  /** Shown for string options: `--out DIR`. */
  readonly valueName?: string;
};

export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

/** What the command line said: options by name, and the words that belong to none. */
export type Arguments<Options extends OptionSpecs> = {
  readonly values: ReturnType<typeof parseArgs<{ options: Options; strict: true }>>["values"];
  readonly positionals: readonly string[];
};

type TypedCommand<Options extends OptionSpecs> = {
  /** One line for `imagectl help`. */
  readonly summary: string;
  /** Without `imagectl`: `render NODE --out DIR`. */
  readonly usage: string;
  readonly options: Options;
  /** What its words can be, in their order, for completion; the last one stands for all that follow. */
  readonly words?: readonly WordSource[];
  /** How many words it takes; more or fewer are a usage error before `run`. */
  readonly positionals: { readonly min: number; readonly max: number };
  /**
   * @returns the exit code: 0 done, 2 something was found. Every other failure is a thrown ImagectlError.
   */
  run(args: Arguments<Options>, io: CommandIo): Promise<number>;
};

/** A command whose own option names are no longer known to the type; what the table holds. */
export type Command = Omit<TypedCommand<OptionSpecs>, "run"> & {
  run(
    args: { readonly values: unknown; readonly positionals: readonly string[] },
    io: CommandIo,
  ): Promise<number>;
};

/** Declares a command; inside `run` the options have the types that `options` gives them. */
export function defineCommand<const Options extends OptionSpecs>(command: TypedCommand<Options>): Command {
  return {
    ...command,
    // main.ts parses with exactly these options, so the values have exactly this type.
    run: (args, io) => command.run(args as Arguments<Options>, io),
  };
}

/** For commands that print either a table for people or one JSON document for programs. */
export const jsonOption = {
  json: { type: "boolean", description: "Print one JSON document instead of text." },
} as const satisfies OptionSpecs;

/** For commands whose answer grows: of one node after the other, or as things happen. */
export const jsonLinesOption = {
  json: { type: "boolean", description: "Print JSON instead of text, one document per line." },
} as const satisfies OptionSpecs;
