/** The door to the folder of one build: alone, with enough space, and gone afterwards. */
import { appendFile, mkdir, readdir, rm, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ImagectlError } from "../errors.ts";
import { dyingWithUs } from "../namespace.ts";
import { formatBytes } from "../quantity.ts";
import { run, start } from "../run.ts";

export type BuildRoom = {
  /** Empty, this build's alone. */
  readonly folder: string;
  /** Everything that programs of this build said. */
  readonly logPath: string;
  log(line: string): void;
  /** Removes what one image's build made in the folder: roots are large, and others may follow. */
  discard(folder: string): Promise<void>;
  /** @param options keepFolder: leave it for the operator to look inside; the next build removes it. */
  close(options: { readonly keepFolder: boolean }): Promise<void>;
};

/** What a build writes at most, bytes: a root of 1 GB, its tar, two kernels, .debs. Measured: 1.6 GB. */
export const neededBytes = 3e9;

/** What it adds to the store at most, bytes: roots are 200 to 600 MB, two kernels with their initrds 150 MB. */
const neededStoreBytes = 1e9;

/** Programs that a build starts, with the Debian package that has them. */
const tools: Readonly<Record<string, string>> = {
  "apt-get": "apt",
  chroot: "coreutils",
  "dpkg-deb": "dpkg",
  flock: "util-linux",
  mmdebstrap: "mmdebstrap",
  setpriv: "util-linux",
  tar: "tar",
  unshare: "util-linux",
  zstd: "zstd",
};

/** With less than this a program finds no room for its next file, bytes: some blocks, and what it removed when it failed. */
const fullBelowBytes = 4e6;

/** How many logs are kept. Our choice: the last ones are asked for, older ones never. */
const keptLogs = 20;

/**
 * Opens the one build room of a cache folder.
 * @param now names the log.
 * @throws ImagectlError ROOT_REQUIRED, TOOL_MISSING, DISK_SPACE_LOW, BUILD_BUSY.
 */
export async function openBuildRoom(cache: string, name: string, now: Date): Promise<BuildRoom> {
  requireRoot(`imagectl build --os ${name}`);
  await requireTools(tools);
  await mkdir(cache, { recursive: true });
  await requireSpace(
    cache,
    neededBytes,
    `rm -r ${join(cache, "bases")}, or set IMAGECTL_CACHE to a larger disk`,
  );
  const unlock = await takeLock(join(cache, "build.lock"));
  const builds = join(cache, "builds");
  // We hold the lock, so whoever left something here is dead.
  await removeTree(builds);
  const folder = join(builds, String(process.pid));
  await mkdir(folder, { recursive: true });
  const logPath = await openLog(join(cache, "logs"), name, now);
  let writing = Promise.resolve();
  return {
    folder,
    logPath,
    log: (line) => {
      // A log that cannot be written is no reason to end the build.
      writing = writing.then(() => appendFile(logPath, `${line}\n`)).catch(() => {});
    },
    discard: removeTree,
    close: async ({ keepFolder }) => {
      await writing;
      if (!keepFolder) await removeTree(builds);
      await unlock();
    },
  };
}

/** @throws ImagectlError ROOT_REQUIRED, with the command line to use instead. */
export function requireRoot(commandLine: string): void {
  if (process.getuid?.() === 0) return;
  throw new ImagectlError("ROOT_REQUIRED", "building an image needs root: files in it belong to many users", {
    hint: `sudo ${commandLine}`,
  });
}

/**
 * @param needed programs, with the Debian package that has each.
 * @throws ImagectlError TOOL_MISSING.
 */
export async function requireTools(needed: Readonly<Record<string, string>>): Promise<void> {
  const script = 'for tool; do command -v "$tool" >/dev/null || echo "$tool"; done';
  const { stdout } = await run("sh", ["-c", script, "sh", ...Object.keys(needed)]);
  const missing = stdout.split("\n").filter((line) => line !== "");
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((tool) => needed[tool]))];
  throw new ImagectlError("TOOL_MISSING", `not installed: ${missing.join(", ")}`, {
    hint: `sudo apt-get install ${packages.join(" ")}`,
  });
}

/**
 * Minutes before it would be full in the middle of it.
 * @throws ImagectlError DISK_SPACE_LOW.
 */
export async function requireStoreSpace(store: string): Promise<void> {
  await mkdir(store, { recursive: true });
  await requireSpace(
    store,
    neededStoreBytes,
    "imagectl images prune, or set IMAGECTL_STATE to a larger disk",
  );
}

/** @throws ImagectlError DISK_SPACE_LOW. */
export async function requireSpace(folder: string, needed: number, remedy: string): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (free >= needed) return;
  const what = `${folder} has ${formatBytes(free)} free; a build needs ${formatBytes(needed)}`;
  throw new ImagectlError("DISK_SPACE_LOW", what, { hint: `Make room: ${remedy}` });
}

/**
 * Whether a disk is why a program failed that says nothing of it: apt-get takes a folder that it could not make for one
 * that is not there.
 */
export async function isFolderFull(folder: string): Promise<boolean> {
  // What is free without being available is also ext4's own reserve, which root does not get either.
  const { bavail, bsize, files, ffree } = await statfs(folder);
  // Some file systems do not count their files: tmpfs without a limit, btrfs.
  return bavail * bsize < fullBelowBytes || (files > 0 && ffree === 0);
}

/**
 * flock(1) holds it in a process that dies with us: the kernel unlocks, there is no stale lock.
 * @returns what releases it.
 * @throws ImagectlError BUILD_BUSY.
 */
export async function takeLock(path: string): Promise<() => Promise<void>> {
  const answer = Promise.withResolvers<void>();
  let isHeld = false;
  const script = "echo held && exec sleep infinity";
  const [program, ...words] = [
    ...dyingWithUs,
    "flock",
    "--no-fork",
    "--nonblock",
    path,
    "sh",
    "-c",
    script,
  ] as const;
  const holder = start(program, words, {
    onLine: (line) => {
      isHeld ||= line === "held";
      answer.resolve();
    },
  });
  await Promise.race([answer.promise, holder.exited]);
  if (!isHeld) {
    throw new ImagectlError("BUILD_BUSY", "another build is running with the same cache", {
      hint: `Wait for it, or see which it is: fuser -v ${path}`,
    });
  }
  return async () => {
    holder.stop("SIGKILL");
    await holder.exited;
  };
}

async function openLog(folder: string, name: string, now: Date): Promise<string> {
  await mkdir(folder, { recursive: true });
  const old = (await readdir(folder)).sort().slice(0, -keptLogs);
  await Promise.all(old.map((log) => rm(join(folder, log))));
  const path = join(folder, `${now.toISOString().replaceAll(":", "")}-${name}.log`);
  await writeFile(path, "");
  return path;
}

/** Programs of a killed build may be dying still; they cannot make files for long. */
async function removeTree(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}
