/** argv -> one command -> exit code. The only file that ends the process. */
import { createInterface } from "node:readline/promises";
import { parseArgs } from "node:util";
import { describeError, formatFinding, ImagectlError } from "../errors.ts";
import { nearestOf } from "../nearest.ts";
import { terminalText } from "../terminal-text.ts";
import { version } from "../version.ts";
import type { Command, CommandIo } from "./command.ts";
import { formatCommandHelp, formatOverview } from "./help.ts";

/** Every command, loaded only when it is called, so that `validate` pays for nothing else. */
const commands: Readonly<Record<string, () => Promise<{ readonly command: Command }>>> = {
  apply: () => import("./apply.ts"),
  arm: () => import("./arm.ts"),
  backup: () => import("./backup.ts"),
  build: () => import("./build.ts"),
  completion: () => import("./completion.ts"),
  confirm: () => import("./confirm-change.ts"),
  demo: () => import("./demo.ts"),
  diff: () => import("./diff.ts"),
  disarm: () => import("./disarm.ts"),
  doctor: () => import("./doctor.ts"),
  events: () => import("./events.ts"),
  export: () => import("./export.ts"),
  gpus: () => import("./gpus.ts"),
  images: () => import("./images.ts"),
  init: () => import("./init.ts"),
  inventory: () => import("./inventory.ts"),
  journal: () => import("./journal.ts"),
  keys: () => import("./keys.ts"),
  lint: () => import("./lint.ts"),
  nodes: () => import("./nodes.ts"),
  plan: () => import("./plan.ts"),
  reinstall: () => import("./reinstall.ts"),
  recovery: () => import("./recovery.ts"),
  render: () => import("./render.ts"),
  report: () => import("./report.ts"),
  restore: () => import("./restore.ts"),
  rescue: () => import("./rescue.ts"),
  retire: () => import("./retire.ts"),
  schema: () => import("./schema.ts"),
  secrets: () => import("./secrets.ts"),
  selftest: () => import("./selftest.ts"),
  serve: () => import("./serve.ts"),
  "set-os": () => import("./set-os.ts"),
  test: () => import("./test.ts"),
  user: () => import("./user.ts"),
  validate: () => import("./validate.ts"),
  verify: () => import("./verify.ts"),
  watch: () => import("./watch.ts"),
};

/** sysexits(3) has no code for "something was found"; 70 is its EX_SOFTWARE, a defect of ours. */
export const exitCodes = { ok: 0, failed: 1, found: 2, defect: 70 } as const;

/**
 * Runs one command line.
 * @param argv without the interpreter and the script.
 * @returns the exit code; everything that there is to say is printed.
 */
export async function main(argv: readonly string[], io: CommandIo): Promise<number> {
  try {
    return await dispatch(argv, io);
  } catch (error) {
    return reportFailure(error, io);
  }
}

async function dispatch(argv: readonly string[], io: CommandIo): Promise<number> {
  const [first, ...rest] = argv;
  // `imagectl help plan` is `imagectl plan --help`.
  const [name, ...words] = first === "help" && rest[0] !== undefined ? [rest[0], "--help"] : [first, ...rest];
  if (name === undefined || name === "help" || name === "--help" || name === "-h") {
    const overview = formatOverview(await loadCommands());
    (name === undefined ? io.stderr : io.stdout).write(overview);
    return name === undefined ? exitCodes.found : exitCodes.ok;
  }
  if (name === "--version" || name === "version") {
    io.stdout.write(`imagectl ${version}\n`);
    return exitCodes.ok;
  }
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (load === undefined) throw unknownCommand(name);
  const { command } = await load();
  if (words.includes("--help") || words.includes("-h")) {
    io.stdout.write(formatCommandHelp(command));
    return exitCodes.ok;
  }
  return command.run(parseWords(command, words), { ...io, commands: loadCommands });
}

/** Loads them all: for what describes each of them. */
export async function loadCommands(): Promise<ReadonlyMap<string, Command>> {
  const loaded = Object.entries(commands).map(
    async ([name, load]) => [name, (await load()).command] as const,
  );
  return new Map(await Promise.all(loaded));
}

function unknownCommand(name: string): ImagectlError {
  const nearest = nearestOf(name, Object.keys(commands));
  return new ImagectlError("USAGE", `unknown command: ${name}`, {
    hint: nearest === undefined ? "List them: imagectl help" : `Did you mean: imagectl ${nearest}`,
  });
}

function parseWords(command: Command, words: readonly string[]) {
  const usage = { hint: `Usage: imagectl ${command.usage}` };
  let parsed: ReturnType<typeof parseArgs>;
  try {
    parsed = parseArgs({ args: [...words], options: { ...command.options }, allowPositionals: true });
  } catch (error) {
    throw new ImagectlError("USAGE", describeError(error), { ...usage, cause: error });
  }
  const { min, max } = command.positionals;
  const count = parsed.positionals.length;
  if (count < min) throw new ImagectlError("USAGE", "a word is missing", usage);
  if (count > max) {
    throw new ImagectlError("USAGE", `unexpected: ${parsed.positionals.slice(max).join(" ")}`, usage);
  }
  return parsed;
}

function reportFailure(error: unknown, io: CommandIo): number {
  if (!(error instanceof ImagectlError)) {
    const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
    io.stderr.write(`imagectl: a defect of ours, please report it:\n${trace}\n`);
    return exitCodes.defect;
  }
  io.stderr.write(terminalText(`imagectl: ${error.message} [${error.code}]\n`));
  for (const finding of error.findings) io.stderr.write(`${formatFinding(finding)}\n`);
  io.stderr.write(`    hint: ${error.hint}\n`);
  return error.code === "USAGE" || error.findings.length > 0 ? exitCodes.found : exitCodes.failed;
}

/** Ctrl-D. Without this, the question would wait for ever and the process end in silence. */
function unanswered(): ImagectlError {
  return new ImagectlError("NOT_CONFIRMED", "the question was not answered; nothing was changed", {
    hint: "Run the command again, or give its options: imagectl COMMAND --help",
  });
}

async function ask(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  let isAnswered = false;
  try {
    const closed = new Promise<never>((_resolve, reject) => {
      lines.once("close", () => {
        // The cursor still stands behind the question.
        if (!isAnswered) process.stderr.write("\n");
        reject(unanswered());
      });
    });
    const answer = await Promise.race([lines.question(question), closed]);
    isAnswered = true;
    return answer;
  } finally {
    lines.close();
  }
}

if (import.meta.main) {
  // A reader that has seen enough (head, less) is no failure of ours.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
  const code = await main(process.argv.slice(2), {
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    isTty: process.stdout.isTTY === true,
    ...(process.stdin.isTTY === true ? { ask } : {}),
  });
  // Not process.exit(): it would cut off what a pipe has not taken yet.
  process.exitCode = code;
}
