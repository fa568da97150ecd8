/** A small Debian that wants to be a bastion: what the package depends on, systemd, and nothing of imagectl. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { digestOf } from "../../src/digest.ts";
import { openApt } from "../../src/images/apt.ts";
import { findOperatingSystem } from "../../src/images/catalogue.ts";
import { packageRoot } from "../../src/paths.ts";
import { run } from "../../src/run.ts";
import { cache } from "./image.ts";

/** Beside what the package asks for itself: a system that boots. */
const system = ["?essential", "usr-is-merged", "apt", "systemd-sysv", "dbus"];

/** Names in the package's own `Depends:`, so that a missing one is found by the test. */
export function dependencies(): string[] {
  const control = readFileSync(join(packageRoot, "packaging/debian/control"), "utf8");
  const line = /^Depends: (.*)$/m.exec(control)?.[1] ?? "";
  return line.split(",").map((entry) => (entry.trim().split(" ")[0] ?? "").trim());
}

/** @returns the folder of the root, made once and kept beside those of images. It must never be written to. */
export async function ensureBastionRoot(): Promise<string> {
  const packages = [...system, ...dependencies()];
  const folder = join(cache, "roots", `bastion-${digestOf(packages).slice(0, 16)}`);
  if (!existsSync(folder)) await makeRoot(packages, folder);
  const now = new Date();
  utimesSync(folder, now, now);
  return folder;
}

async function makeRoot(packages: readonly string[], folder: string): Promise<void> {
  const os = findOperatingSystem("debian-12");
  const apt = await openApt({ os, cache, signal: new AbortController().signal, onLine: () => {} });
  const lock = await apt.resolve({ os: os.id, packages }, new Date());
  await apt.download(lock);
  const partial = `${folder}.${process.pid}`;
  mkdirSync(partial, { recursive: true });
  const repository = join(partial, "repository");
  const root = join(partial, "root");
  try {
    await apt.makeRepository(lock, repository);
    const names = lock.packages.map(({ name }) => name).join(",");
    const settings = ["--mode=root", "--format=directory", "--variant=apt", `--include=${names}`];
    const hooks = ["--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr", "--dpkgopt=force-unsafe-io"];
    await run("mmdebstrap", [...settings, ...hooks, "", root, `deb [trusted=yes] copy:${repository} ./`], {
      timeoutMs: 10 * 60_000,
    });
    writeFileSync(join(root, "etc/hostname"), "bastion\n");
    renameSync(root, folder);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}
