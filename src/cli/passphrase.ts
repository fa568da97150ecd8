/** Asks for a passphrase on the terminal, unseen, or takes it from a file; never from the command line. */
import { openSync, readFileSync, writeSync } from "node:fs";
import { ReadStream } from "node:tty";
import { describeError, ImagectlError } from "../errors.ts";

/** Characters. Our choice: with a second of scrypt per guess, twelve that nobody chose are out of reach. */
const fewest = 12;

/** For commands that need one; words of a command line are seen by every user of the machine (ps). */
export const passphraseOption = {
  "passphrase-file": {
    type: "string",
    valueName: "FILE",
    description: "Take the passphrase from FILE (without its last line feed) instead of asking for it.",
  },
} as const;

/**
 * @param options.isNew: it will seal something. It must be long enough, and is asked for twice.
 * @throws ImagectlError PASSPHRASE_UNUSABLE.
 */
export async function readPassphrase(
  file: string | undefined,
  { isNew }: { readonly isNew: boolean },
): Promise<string> {
  const passphrase = file === undefined ? await ask("Passphrase of the backup: ") : readFromFile(file);
  if (!isNew) return passphrase;
  if ([...passphrase].length < fewest) {
    throw unusable(`it has ${[...passphrase].length} characters, and fewer than ${fewest} can be guessed`, {
      hint: "Make one: head -c 18 /dev/urandom | base64 > FILE; keep it elsewhere than the backup.",
    });
  }
  if (file === undefined && (await ask("The same again: ")) !== passphrase) {
    throw unusable("the two that were typed differ", { hint: "Run it again." });
  }
  return passphrase;
}

function readFromFile(file: string): string {
  try {
    return readFileSync(file, "utf8").replace(/\r?\n$/, "");
  } catch (cause) {
    throw unusable(describeError(cause), { hint: `Is it there, and readable? ls -l ${file}`, cause });
  }
}

/** What keys send in raw mode (ascii(7)). */
const key = { interrupt: "\x03", endOfFile: "\x04", backspace: "\x7f", oldBackspace: "\b" } as const;

/** Not standard input: that may be a pipe, and the person sits at the terminal. */
async function ask(question: string): Promise<string> {
  const descriptor = openTerminal();
  const terminal = new ReadStream(descriptor);
  terminal.setRawMode(true);
  terminal.setEncoding("utf8");
  writeSync(descriptor, question);
  try {
    return await readLine(terminal);
  } finally {
    terminal.setRawMode(false);
    writeSync(descriptor, "\n");
    terminal.destroy();
  }
}

function openTerminal(): number {
  try {
    return openSync("/dev/tty", "r+");
  } catch (cause) {
    throw unusable("there is no terminal to ask on", { hint: "Give a file: --passphrase-file FILE", cause });
  }
}

async function readLine(terminal: ReadStream): Promise<string> {
  let typed = "";
  for await (const text of terminal) {
    for (const character of String(text)) {
      switch (character) {
        case "\r":
        case "\n":
          return typed;
        case key.interrupt:
        case key.endOfFile:
          throw unusable("it was not typed to its end", { hint: "Nothing was written. Run it again." });
        case key.backspace:
        case key.oldBackspace:
          typed = [...typed].slice(0, -1).join("");
          break;
        default:
          typed += character;
      }
    }
  }
  throw unusable("the terminal went away", { hint: "Give a file: --passphrase-file FILE" });
}

function unusable(
  message: string,
  details: { readonly hint: string; readonly cause?: unknown },
): ImagectlError {
  return new ImagectlError("PASSPHRASE_UNUSABLE", `no passphrase to use: ${message}`, details);
}
