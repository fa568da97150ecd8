/**
 * How long a build takes: cold, with cached packages, with a cached root, up to date; beside bare mmdebstrap.
 * Usage: node bench/build.ts [RUNS] (as root; each run takes about six minutes on two cores; default 1)
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { catalogueSources, deriveSources, parseDeb822, parseOneLine } from "../src/images/apt-sources.ts";
import type { BuildEvent } from "../src/images/build-event.ts";
import { findOperatingSystem } from "../src/images/catalogue.ts";
import { parseLock } from "../src/images/package-lock.ts";
import { packageRoot, statePaths } from "../src/paths.ts";
import { run } from "../src/run.ts";
import { openStore } from "../src/store/store.ts";

const runs = Number(process.argv[2] ?? 1);
const os = findOperatingSystem("debian-12");
const folder = mkdtempSync(join(tmpdir(), "bench-build-"));
const cluster = join(packageRoot, "examples/cluster.yaml");

type Timing = { readonly total: number; readonly golden: number; readonly deployEnvironment: number };

/** @returns wall seconds; of golden image and deploy environment as the build itself says. */
async function build(state: string, cache: string): Promise<Timing> {
  const startedAt = performance.now();
  const words = ["build", "--os", os.id, "--cluster", cluster, "--json"];
  const { stdout } = await run(join(packageRoot, "bin/imagectl"), words, {
    env: { IMAGECTL_STATE: state, IMAGECTL_CACHE: cache },
  });
  const total = (performance.now() - startedAt) / 1000;
  const events: BuildEvent[] = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const secondsOf = (word: string) =>
    events.reduce(
      (sum, event) => sum + (event.kind === "published" && event.image.includes(word) ? event.seconds : 0),
      0,
    );
  return { total, golden: secondsOf("golden"), deployEnvironment: secondsOf("deploy environment") };
}

/** Takes away what was built but not its lock: everything is built again, of the same packages. */
async function damage(state: string): Promise<void> {
  const store = openStore(statePaths({ IMAGECTL_STATE: state }).store);
  const artefacts = (await store.list()).images.flatMap(({ manifest }) => manifest.artefacts);
  for (const { name, sha256 } of artefacts) {
    if (name !== "packages.lock") rmSync(store.blobPath(sha256), { force: true });
  }
}

/** The same packages, in one go, to a tar: what is asked of mmdebstrap when there is no imagectl. */
async function bareMmdebstrap(state: string): Promise<number> {
  const store = openStore(statePaths({ IMAGECTL_STATE: state }).store);
  const golden = (await store.list()).images.find(({ manifest }) => manifest.kind === "golden");
  const lockBlob = golden?.manifest.artefacts.find(({ name }) => name === "packages.lock");
  const lock = parseLock((await store.readBlob(lockBlob?.sha256 ?? "")).toString("utf8"));
  const read = (path: string) =>
    run("sh", ["-c", `cat ${path} 2>/dev/null || :`]).then(({ stdout }) => stdout);
  const machine = [
    ...parseOneLine(await read("/etc/apt/sources.list /etc/apt/sources.list.d/*.list")),
    ...parseDeb822(await read("/etc/apt/sources.list.d/*.sources")),
  ];
  const sources = machine.length === 0 ? catalogueSources(os) : deriveSources(machine, os);
  const include = lock.packages.map(({ name }) => name).join(",");
  const startedAt = performance.now();
  await run("mmdebstrap", [
    ...["--mode=root", "--variant=apt", `--include=${include}`],
    ...["--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr", "--aptopt=APT::Install-Recommends false"],
    // Where this machine's clock or mirror is off, apt's own settings say so; bare mmdebstrap needs to be told.
    ...["--aptopt=Acquire::Check-Valid-Until false", "--aptopt=Acquire::Check-Date false"],
    ...[os.codename, join(folder, "bare.tar"), ...sources],
  ]);
  const seconds = (performance.now() - startedAt) / 1000;
  rmSync(join(folder, "bare.tar"));
  return seconds;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? 0)
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

const rows: Record<string, number[]> = {};
function note(name: string, seconds: number): void {
  rows[name] = [...(rows[name] ?? []), seconds];
  console.error(`${name.padEnd(44)} ${seconds.toFixed(1)} s`);
}

try {
  for (let number = 1; number <= runs; number += 1) {
    const place = (name: string) => {
      const path = join(folder, `${number}-${name}`);
      mkdirSync(path);
      return path;
    };
    const cache = place("cache");
    const state = place("state");
    const cold = await build(state, cache);
    note("cold: everything", cold.total);
    note("cold: golden image", cold.golden);
    note("cold: deploy environment", cold.deployEnvironment);
    note("bare mmdebstrap, same packages, to a tar", await bareMmdebstrap(state));
    note("up to date", (await build(state, cache)).total);
    await damage(state);
    note("cached roots: everything", (await build(state, cache)).total);
    await damage(state);
    rmSync(join(cache, "bases"), { recursive: true });
    note("cached .debs: everything", (await build(state, cache)).total);
  }
  const load = readFileSync("/proc/loadavg", "utf8").split(" ")[0];
  console.log(`median of ${runs}, ${navigator.hardwareConcurrency} cores, load ${load}`);
  for (const [name, values] of Object.entries(rows)) {
    console.log(`${name.padEnd(44)} ${median(values).toFixed(1).padStart(7)} s`);
  }
  const ratio =
    median(rows["cold: golden image"] ?? []) / median(rows["bare mmdebstrap, same packages, to a tar"] ?? []);
  console.log(`golden image, cold, against bare mmdebstrap  ${ratio.toFixed(2)} (goal: at most 1.5)`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
