/** Runs the steps of a build: the door between recipes and the programs that they need. */
import {
  copyFile,
  glob,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { digestOf } from "../digest.ts";
import { ImagectlError } from "../errors.ts";
import { run } from "../run.ts";
import { copyBuildFile } from "./build-files.ts";
import type { BootstrapStep, BuildStep, RunInRootStep } from "./build-step.ts";
import { assertDrivers } from "./drivers.ts";
import { bootstrapCommand, bootstrapEnvironment, buildEnvironment, isolate } from "./isolate.ts";
import type { PackageLock } from "./package-lock.ts";
import { hostScripts } from "./recipe-files.ts";

export type StepContext = {
  /** Folder of this image's build: `root`, `artefacts` and scratch files come into being in it. */
  readonly folder: string;
  /** A repository of exactly the lock's packages. */
  readonly repository: string;
  /** Roots as their packages left them, kept between builds. */
  readonly bases: string;
  readonly lock: PackageLock;
  /** The folder from which files of the operator are named. */
  readonly filesFrom: string;
  readonly signal: AbortSignal;
  readonly onLine: (line: string) => void;
};

/** How many roots are kept in `bases`, 250 MB each: two operating systems, each with one group of other packages. */
const keptBases = 6;

/** @returns what came of it, in words; empty where its name says all. */
export async function runStep(step: BuildStep, context: StepContext): Promise<string> {
  switch (step.kind) {
    case "bootstrap":
      return bootstrap(step, context);
    case "run-in-root":
      await runInRoot(step, context);
      return "";
    case "check-drivers":
      return checkDrivers(step.initrd, step.drivers, context);
    case "pack-root": {
      const archive = artefactPath(context, step.artefact);
      await mkdir(dirname(archive), { recursive: true });
      const words = [rootOf(context), archive, String(context.lock.epoch)];
      await runIsolated(["sh", hostScripts.packRoot, ...words], context);
      return "";
    }
    case "keep-files":
      for (const file of step.files) {
        const target = artefactPath(context, file.artefact);
        await mkdir(dirname(target), { recursive: true });
        await copyFile(await findOne(rootOf(context), file.path), target);
      }
      return "";
    default:
      return step satisfies never;
  }
}

export function artefactPath(context: { readonly folder: string }, name: string): string {
  return join(context.folder, "artefacts", name);
}

/** Adds an artefact that no step makes. */
export async function writeArtefact(
  context: { readonly folder: string },
  name: string,
  content: string,
): Promise<void> {
  await mkdir(dirname(artefactPath(context, name)), { recursive: true });
  await writeFile(artefactPath(context, name), content);
}

/** @returns the size of the unpacked root on disk, bytes. */
export async function measureRoot(context: StepContext): Promise<number> {
  const { stdout } = await run("du", ["--summarize", "--block-size=1", rootOf(context)]);
  return Number.parseInt(stdout, 10);
}

function rootOf(context: StepContext): string {
  return join(context.folder, "root");
}

async function runIsolated(
  command: readonly string[],
  context: StepContext,
  variables: Readonly<Record<string, string>> = {},
): Promise<void> {
  const environment = { ...buildEnvironment(context.lock.epoch), ...variables };
  const [program, ...words] = isolate(command, environment);
  await run(program, words, {
    signal: context.signal,
    onLine: context.onLine,
    // unshare(1) does not pass SIGTERM on; killed, it takes its namespaces with it.
    killSignal: "SIGKILL",
    hint: "The last lines say what failed; the full log and the root are kept.",
  });
}

/** The same packages, unpacked the same way, give the same root: one archive is kept for each. */
async function bootstrap(step: BootstrapStep, context: StepContext): Promise<string> {
  const paths = {
    root: rootOf(context),
    repository: context.repository,
    setup: join(context.folder, "setup.sh"),
  };
  const command = bootstrapCommand(step, paths);
  const placeless = command.map((word) => word.replaceAll(context.folder, ""));
  const digest = digestOf({
    command: placeless,
    setup: step.setup,
    bootstrapEnvironment,
    lock: context.lock,
  });
  const base = join(context.bases, `${digest}.tar.zst`);
  if ((await stat(base).catch(() => undefined)) !== undefined) {
    await mkdir(rootOf(context));
    await runIsolated(["tar", ...tarWords, "-xf", base, "-C", rootOf(context)], context);
    const now = new Date();
    await utimes(base, now, now);
    return "from the cache";
  }
  await writeFile(paths.setup, step.setup);
  await runIsolated(command, context, bootstrapEnvironment);
  await keepBase(base, context);
  return "";
}

const tarWords = [
  "--numeric-owner",
  "--xattrs",
  "--xattrs-include=*",
  "--acls",
  "--use-compress-program=zstd -1 -T0",
] as const;

async function keepBase(base: string, context: StepContext): Promise<void> {
  await mkdir(context.bases, { recursive: true });
  const scratch = join(context.folder, "base.tar.zst");
  await runIsolated(["tar", ...tarWords, "-cf", scratch, "-C", rootOf(context), "."], context);
  await rename(scratch, base);
  const names = await readdir(context.bases);
  const ages = await Promise.all(
    names.map(async (name) => ({ name, mtimeMs: (await stat(join(context.bases, name))).mtimeMs })),
  );
  const old = ages.sort((left, right) => right.mtimeMs - left.mtimeMs).slice(keptBases);
  await Promise.all(old.map(({ name }) => rm(join(context.bases, name))));
}

async function runInRoot(
  { script, files, broughtFiles = [] }: Pick<RunInRootStep, "script" | "files" | "broughtFiles">,
  context: StepContext,
): Promise<void> {
  const folder = join(context.folder, "step");
  await rm(folder, { recursive: true, force: true });
  for (const file of [{ path: "run", mode: 0o644, content: script }, ...files]) {
    const path = join(folder, file.path);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, file.content, { mode: file.mode });
  }
  for (const { path, from } of broughtFiles) await copyBuildFile(from, context.filesFrom, join(folder, path));
  await runIsolated(["sh", hostScripts.enterRoot, rootOf(context), folder], context);
}

async function checkDrivers(
  pattern: string,
  drivers: readonly string[],
  context: StepContext,
): Promise<string> {
  const root = rootOf(context);
  const initrd = await findOne(root, pattern);
  const lines: string[] = [];
  const listing = { ...context, onLine: (line: string) => lines.push(line) };
  await runInRoot({ script: `lsinitramfs '${initrd.slice(root.length)}'`, files: [] }, listing);
  const builtin = await readFile(await findOne(root, "lib/modules/*/modules.builtin"), "utf8");
  assertDrivers(initrd.slice(root.length), drivers, lines.join("\n"), builtin);
  return `all ${drivers.length}`;
}

/** @throws ImagectlError BUILD_OUTPUT_MISSING unless exactly one file matches. */
async function findOne(root: string, pattern: string): Promise<string> {
  const found = await Array.fromAsync(glob(pattern, { cwd: root }));
  const only = found[0];
  if (only !== undefined && found.length === 1) return join(root, only);
  throw new ImagectlError("BUILD_OUTPUT_MISSING", `${found.length} files match ${pattern} instead of one`, {
    hint: "A plan installs exactly one kernel: does a role bring another linux-image package?",
  });
}
