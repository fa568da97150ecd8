/** Looks at the machine itself: rights, programs, space, clock, private files, package mirrors, KVM. */
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, stat, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { readSources } from "../images/apt.ts";
import { type AptSource, deriveSources, parseOneLine } from "../images/apt-sources.ts";
import { neededBytes as buildBytes } from "../images/build-room.ts";
import { operatingSystems as builtSystems } from "../images/catalogue.ts";
import { keyPaths } from "../keys.ts";
import { smokeBoot } from "../lab/accelerator.ts";
import { packageRoot, type StatePaths } from "../paths.ts";
import { chainloadNames, ipxeDirectory } from "../pxe/boot/chainload.ts";
import { run } from "../run.ts";
import type { ClockFact, HostFacts, KvmFact, MirrorFact, PrivacyFact, SpaceFact } from "./facts.ts";
import { programs } from "./programs.ts";

/** Images of two plans, and the next ones beside them. Bytes. Our choice. */
const storeBytes = 2e9;

/** The database grows by some hundred bytes an event. Bytes. Our choice. */
const databaseBytes = 100e6;

/** A mirror that is slower than this makes no build. Seconds. */
const mirrorTimeoutSeconds = 10;

export type HostQuestion = {
  readonly paths: StatePaths;
  readonly cache: string;
  readonly now: Date;
  /** Those that the cluster's groups are built with. */
  readonly operatingSystems: readonly string[];
  readonly newestImageAt: Date | undefined;
  /** Try KVM: it takes up to ten seconds. The kernel of an image, where there is one. */
  readonly kvm: { readonly isTried: boolean; readonly kernel: string | undefined };
};

export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

export async function collectHost(question: HostQuestion): Promise<HostFacts> {
  const [missingPrograms, space, clock, privacy, mirrors, kvm] = await Promise.all([
    findMissingPrograms(),
    readSpace(question),
    readClock(question),
    readPrivacy(question.paths),
    askMirrors(question),
    tryKvm(question.kvm),
  ]);
  const missingIpxeFiles = Object.values(chainloadNames)
    .map((name) => join(ipxeDirectory, name))
    .filter((path) => !existsSync(path));
  return { isRoot: isRoot(), missingPrograms, missingIpxeFiles, space, clock, privacy, mirrors, kvm };
}

async function findMissingPrograms(): Promise<string[]> {
  const script = 'for tool; do command -v "$tool" >/dev/null || echo "$tool"; done';
  const { stdout } = await run("sh", ["-c", script, "sh", ...programs.map(({ name }) => name)]);
  return stdout.split("\n").filter((line) => line !== "");
}

function readSpace({ paths, cache }: HostQuestion): Promise<SpaceFact[]> {
  const rows = [
    { what: "builds", path: cache, neededBytes: buildBytes, hint: "Set IMAGECTL_CACHE to a larger disk" },
    { what: "images", path: paths.store, neededBytes: storeBytes, hint: "imagectl images prune" },
    {
      what: "the database",
      path: dirname(paths.database),
      neededBytes: databaseBytes,
      hint: "Free some: journalctl --vacuum-size=200M, apt-get clean",
    },
  ];
  return Promise.all(
    rows.map(async (row) => {
      const { bavail, bsize } = await statfs(nearestFolder(row.path));
      return { ...row, freeBytes: bavail * bsize };
    }),
  );
}

/** What is made later will lie on the disk of the folder above it. */
function nearestFolder(path: string): string {
  return existsSync(path) || path === dirname(path) ? path : nearestFolder(dirname(path));
}

async function readClock({ now, newestImageAt }: HostQuestion): Promise<ClockFact> {
  const { mtime } = await stat(join(packageRoot, "package.json"));
  const images = newestImageAt === undefined ? [] : [{ what: "the newest image", at: newestImageAt }];
  const installed = { what: "this installation of imagectl", at: mtime };
  return { now, earliest: [installed, ...images], isSynchronised: await askClock() };
}

/** @returns what the kernel's clock says by timedatectl(1), or chronyc(1); undefined where neither can. */
async function askClock(): Promise<boolean | undefined> {
  const ask = (program: string, ...words: string[]) =>
    run(program, words, { timeoutMs: 5_000 }).then(
      ({ stdout }) => stdout,
      () => "",
    );
  const [answer] =
    /^(yes|no)$/m.exec(await ask("timedatectl", "show", "--property=NTPSynchronized", "--value")) ?? [];
  if (answer === "yes") return true;
  const [leap] = /(?<=^Leap status\s*: ).*/m.exec(await ask("chronyc", "-n", "tracking")) ?? [];
  if (leap !== undefined) return leap.trim() !== "Not synchronised";
  return answer === undefined ? undefined : false;
}

async function readPrivacy(paths: StatePaths): Promise<PrivacyFact[]> {
  const below = await readdir(paths.secrets, { recursive: true }).catch(() => []);
  const files = Object.values(keyPaths(paths.keys)).map(({ privateKey }) => privateKey);
  const all = [
    paths.keys,
    ...files,
    paths.database,
    paths.secrets,
    ...below.map((name) => join(paths.secrets, name)),
  ];
  const found = all.map(async (path) => {
    const entry = await stat(path).catch(() => undefined);
    if (entry === undefined) return [];
    const isForeign = entry.uid !== 0 && entry.uid !== process.getuid?.();
    // A node's secrets have a folder of their own.
    const mostBits = entry.isDirectory() ? 0o700 : 0o600;
    return [{ path, mode: entry.mode & 0o7777, mostBits, isForeign }];
  });
  return (await Promise.all(found)).flat();
}

/** One question for each archive that a build would read. */
async function askMirrors({ operatingSystems, paths }: HostQuestion): Promise<MirrorFact[]> {
  const machine = await readSources(paths.aptSources);
  const sources = builtSystems
    .filter(({ id }) => operatingSystems.includes(id))
    .flatMap((os) => parseOneLine(deriveSources(machine, os).join("\n")));
  const byUrl = new Map(sources.map((source) => [releaseUrl(source), source]));
  return Promise.all([...byUrl].map(([url, { signedBy }]) => askMirror(url, signedBy)));
}

function releaseUrl({ uris, suites }: AptSource): string {
  return `${uris[0]?.replace(/\/$/, "")}/dists/${suites[0]}/InRelease`;
}

/** By apt's own program: with its proxies, certificates and ways to a mirror. */
async function askMirror(url: string, keyring: string | undefined): Promise<MirrorFact> {
  const folder = await mkdtemp(join(tmpdir(), "imagectl-doctor-"));
  const settings = [
    "APT::Sandbox::User=root",
    "Acquire::Retries=0",
    `Acquire::http::Timeout=${mirrorTimeoutSeconds}`,
    `Acquire::https::Timeout=${mirrorTimeoutSeconds}`,
  ].flatMap((setting) => ["-o", setting]);
  try {
    const { exitCode, stderr } = await run(
      "/usr/lib/apt/apt-helper",
      [...settings, "download-file", url, join(folder, "InRelease")],
      { okExitCodes: [0, 100], timeoutMs: 3_000 * mirrorTimeoutSeconds, env: { LC_ALL: "C.UTF-8" } },
    );
    const [reason = "apt-helper failed"] = /(?<=^E: ).*/m.exec(stderr) ?? [];
    const missingKeyring = keyring === undefined || existsSync(keyring) ? undefined : keyring;
    return { url, failure: exitCode === 0 ? undefined : reason, missingKeyring };
  } catch (error) {
    return { url, failure: (error as Error).message.split("\n")[0] ?? "", missingKeyring: undefined };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function tryKvm({ isTried, kernel }: HostQuestion["kvm"]): Promise<KvmFact> {
  if (!existsSync("/dev/kvm")) return { kind: "no-device" };
  if (!isTried) return { kind: "not-tried" };
  if (kernel === undefined) return { kind: "no-kernel" };
  const folder = await mkdtemp(join(tmpdir(), "imagectl-doctor-"));
  try {
    if (await smokeBoot("kvm", { kernel, folder })) return { kind: "runs" };
    const said = await readFile(join(folder, "smoke-kvm.log"), "latin1");
    const reason = said === "" ? "a guest under it said nothing" : "a guest's kernel hung under it";
    return { kind: "fails", reason };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
