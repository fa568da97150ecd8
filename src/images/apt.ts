/** The door to apt: resolves packages to a lock, brings their .debs, and makes a repository of exactly those. */
import { mkdir, readdir, readFile, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { digestOf } from "../digest.ts";
import { ImagectlError } from "../errors.ts";
import { formatBytes } from "../quantity.ts";
import type { PackageArchive } from "../roles/role.ts";
import { run } from "../run.ts";
import { hashFile } from "../store/file-system.ts";
import {
  type AptSource,
  archiveLine,
  deriveSources,
  networkConfig,
  parseDeb822,
  parseOneLine,
} from "./apt-sources.ts";
import type { OperatingSystem } from "./catalogue.ts";
import {
  debFileName,
  type LockedPackage,
  type PackageLock,
  type PackageRequest,
  parsePrintedUris,
  requestDigest,
} from "./package-lock.ts";
import { type Candidate, parseSimulation } from "./pending-updates.ts";

export type Apt = {
  /** @throws ImagectlError PACKAGES_UNRESOLVED when a package does not exist or the mirror does not answer. */
  resolve(request: PackageRequest, now: Date): Promise<PackageLock>;
  /** @returns what the archives would give for a request now. @throws ImagectlError PACKAGES_UNRESOLVED. */
  candidates(request: PackageRequest): Promise<Candidate[]>;
  /**
   * Brings those .debs of a lock that the cache does not have, and verifies every one.
   * @returns what was done, in words.
   * @throws ImagectlError PACKAGES_GONE when the mirror no longer has a locked version.
   */
  download(lock: PackageLock): Promise<string>;
  /** Makes a folder that apt can install from: links to the .debs of the lock, and their index. */
  makeRepository(lock: PackageLock, folder: string): Promise<void>;
};

export type AptOptions = {
  readonly os: OperatingSystem;
  /** Of others, beside the system's. */
  readonly archives?: readonly PackageArchive[];
  /** A folder of sources beside this machine's own; it need not be there. */
  readonly sources?: string;
  /** Keeps .debs and package indexes between builds. */
  readonly cache: string;
  readonly signal: AbortSignal;
  readonly onLine: (line: string) => void;
};

/** An apt of our own: this machine's mirrors and proxies, another suite, none of its packages. */
export async function openApt(options: AptOptions): Promise<Apt> {
  const { archives = [] } = options;
  const ours = deriveSources(await readSources(options.sources), options.os);
  const { stdout: dump } = await run("apt-config", ["dump"]);
  const settings = networkConfig(dump);
  const others = archives.length === 0 ? {} : { archives };
  const folder = join(options.cache, "apt", digestOf({ sources: ours, settings, ...others }).slice(0, 16));
  const debs = join(options.cache, "debs");
  await Promise.all(
    ["lists/partial", "archives/partial", "etc/apt.conf.d", "etc/preferences.d", "keys"].map((name) =>
      mkdir(join(folder, name), { recursive: true }),
    ),
  );
  await mkdir(join(debs, "partial"), { recursive: true });
  await writeFile(join(folder, "status"), "");
  const keyOf = ({ name }: PackageArchive): string => join(folder, "keys", `${name}.asc`);
  await Promise.all(archives.map((archive) => writeFile(keyOf(archive), archive.key)));
  const sources = [...ours, ...archives.map((archive) => archiveLine(archive, keyOf(archive)))];
  await writeFile(join(folder, "etc/sources.list"), `${sources.join("\n")}\n`);
  await writeFile(join(folder, "apt.conf"), aptConfig(folder, settings));
  const apt: AptRun = (program, words, cwd) =>
    run(program, words, {
      env: { APT_CONFIG: join(folder, "apt.conf"), LC_ALL: "C.UTF-8" },
      signal: options.signal,
      onLine: options.onLine,
      ...(cwd === undefined ? {} : { cwd }),
    });
  return {
    resolve: (request, now) => resolve(apt, request, now),
    candidates: (request) => candidates(apt, request),
    download: (lock) => completeCache(apt, debs, lock),
    makeRepository: (lock, target) => makeRepository(debs, lock, target, options),
  };
}

type AptRun = (program: string, words: readonly string[], cwd?: string) => ReturnType<typeof run>;

function aptConfig(folder: string, settings: readonly string[]): string {
  return [
    ...settings,
    `Dir "${folder}";`,
    `Dir::Cache "${folder}";`,
    `Dir::Cache::archives "archives";`,
    `Dir::Etc "${folder}/etc";`,
    `Dir::State "${folder}";`,
    `Dir::State::status "${folder}/status";`,
    `APT::Architecture "amd64";`,
    `APT::Architectures { "amd64"; };`,
    `APT::Get::Assume-Yes "true";`,
    `APT::Install-Recommends "false";`,
    // The cache may lie where apt's own user cannot write.
    `APT::Sandbox::User "root";`,
    `Acquire::ForceHash "SHA256";`,
    `Acquire::Languages "none";`,
    `Debug::NoLocking "true";`,
    "",
  ].join("\n");
}

/**
 * Reads sources.list(5) of this machine; what cannot be read is not there.
 * @param more a folder of others; it need not be there.
 */
export async function readSources(more?: string): Promise<AptSource[]> {
  const own = "/etc/apt/sources.list.d";
  const folders = more === undefined ? [own] : [more, own];
  const inOrder = folders.map(async (folder) =>
    (await readdir(folder).catch(() => [])).sort().map((name) => join(folder, name)),
  );
  const names = (await Promise.all(inOrder)).flat();
  const read = (path: string) => readFile(path, "utf8").catch(() => "");
  const lists = ["/etc/apt/sources.list", ...names.filter((name) => name.endsWith(".list"))];
  const stanzas = names.filter((name) => name.endsWith(".sources"));
  return [
    ...(await Promise.all(lists.map(read))).flatMap(parseOneLine),
    ...(await Promise.all(stanzas.map(read))).flatMap(parseDeb822),
  ];
}

async function resolve(apt: AptRun, request: PackageRequest, now: Date): Promise<PackageLock> {
  const { stdout } = await askArchives(apt, "--print-uris", request);
  return {
    schema: 1,
    os: request.os,
    request: requestDigest(request),
    epoch: Math.floor(now.getTime() / 1000),
    packages: parsePrintedUris(stdout),
  };
}

async function candidates(apt: AptRun, request: PackageRequest): Promise<Candidate[]> {
  return parseSimulation((await askArchives(apt, "--simulate", request)).stdout);
}

async function askArchives(apt: AptRun, how: "--print-uris" | "--simulate", request: PackageRequest) {
  try {
    await apt("apt-get", ["update", "-o", "APT::Update::Error-Mode=any"]);
    return await apt("apt-get", ["install", how, ...new Set(request.packages)]);
  } catch (error) {
    if (!(error instanceof ImagectlError) || error.code !== "COMMAND_FAILED") throw error;
    const said = lastErrors(error);
    throw new ImagectlError("PACKAGES_UNRESOLVED", `apt cannot resolve the packages: ${said}`, {
      hint: /Failed to fetch/.test(said)
        ? "A mirror does not answer: sudo imagectl doctor asks each of them and says what to do"
        : "A role may name a package that the OS does not have: apt-cache policy NAME",
      cause: error,
    });
  }
}

/** apt's own `E:` lines say more than its exit code. */
function lastErrors(error: ImagectlError): string {
  const lines = error.message.split("\n").filter((line) => line.startsWith("E: "));
  return (lines.length > 0 ? lines : error.message.split("\n").slice(-1)).join(" ");
}

async function completeCache(apt: AptRun, debs: string, lock: PackageLock): Promise<string> {
  const missing = await missingDebs(debs, lock.packages);
  if (missing.length > 0) await downloadDebs(apt, debs, missing);
  const count = `${lock.packages.length} packages`;
  const bytes = missing.reduce((sum, locked) => sum + locked.bytes, 0);
  return missing.length === 0 ? `${count}, all cached` : `${count}, ${formatBytes(bytes)} downloaded`;
}

async function downloadDebs(apt: AptRun, debs: string, missing: readonly LockedPackage[]): Promise<void> {
  const partial = join(debs, "partial");
  const words = missing.map(({ name, version, architecture }) => `${name}:${architecture}=${version}`);
  const download = () => apt("apt-get", ["download", ...words], partial);
  // The index may be older than the lock, or missing: it is brought only when it is needed.
  const failure = await download()
    .catch(async () => {
      await apt("apt-get", ["update"]);
      await download();
    })
    .then(() => undefined)
    .catch((error: unknown) => error);
  // Of what it can get, apt-get leaves nothing out for what it cannot.
  const lacking = await missingDebs(partial, missing);
  for (const locked of missing) {
    if (lacking.includes(locked)) continue;
    await rename(join(partial, debFileName(locked)), join(debs, debFileName(locked)));
  }
  if (lacking.length > 0) throw gone(lacking, failure);
}

function gone(packages: readonly LockedPackage[], cause: unknown): ImagectlError {
  const names = packages.map(({ name, version }) => `${name} ${version}`);
  const listed = `${names.slice(0, 5).join(", ")}${names.length > 5 ? ` and ${names.length - 5} more` : ""}`;
  return new ImagectlError(
    "PACKAGES_GONE",
    `the mirror does not give what the package lock names: ${listed}`,
    {
      hint: "Make a new lock from what the mirror has: imagectl build --os OS --update. Where that names the same, the mirror's index is ahead of its files: wait, or take another mirror",
      cause,
    },
  );
}

async function missingDebs(debs: string, packages: readonly LockedPackage[]): Promise<LockedPackage[]> {
  const missing: LockedPackage[] = [];
  for (const locked of packages) {
    const stored = await hashFile(join(debs, debFileName(locked)));
    if (stored?.sha256 !== locked.sha256) missing.push(locked);
  }
  return missing;
}

/** One sh for all of them: starting one dpkg-deb a package from here would take longer than its work. */
const indexScript = `set -eu
for deb in *.deb; do
  dpkg-deb --field "$deb"
  printf 'Filename: ./%s\\n\\n' "$deb"
done`;

async function makeRepository(
  debs: string,
  lock: PackageLock,
  folder: string,
  { signal }: AptOptions,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  // apt unescapes the file names of an index, so that ours must not look escaped: no version in them.
  const locked = new Map(lock.packages.map((entry) => [`${entry.name}_${entry.architecture}.deb`, entry]));
  for (const [link, entry] of locked) await symlink(join(debs, debFileName(entry)), join(folder, link));
  const { stdout } = await run("sh", ["-c", indexScript], { cwd: folder, signal });
  const index = stdout.replace(/^Filename: \.\/(.*)$/gm, (line, link: string) => {
    const entry = locked.get(link);
    return `${line}\nSize: ${entry?.bytes}\nSHA256: ${entry?.sha256}`;
  });
  await writeFile(join(folder, "Packages"), index);
}
