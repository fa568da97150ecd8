/** The layers of the live session that plays Ubuntu's (vm-tests/ubuntu), with its kernel and initrd. Needs root. */
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { openApt } from "../../src/images/apt.ts";
import { findOperatingSystem } from "../../src/images/catalogue.ts";
import type { Installer } from "../../src/images/installer/installers.ts";
import { casperFiles } from "../../src/images/installer/stand-in.test-data.ts";
import {
  bootstrapCommand,
  bootstrapEnvironment,
  buildEnvironment,
  isolate,
} from "../../src/images/isolate.ts";
import { packageRoot } from "../../src/paths.ts";
import { run } from "../../src/run.ts";

type Log = (line: string) => void;

/** The installed system and the live session are this one, whichever release is played. */
const os = findOperatingSystem("ubuntu-24.04");

/** Of the layer that is installed: what Ubuntu's has of the same names, and a kernel, which 26.04 has there too. */
const minimalPackages = [
  ...os.basePackages,
  os.kernelPackage,
  ...["cloud-init", "netplan.io", "python3", "sudo", "systemd-resolved", "ubuntu-keyring"],
];

/** What the live session has beside it. */
const livePackages = ["curl", "gdisk", "openssh-server", "squashfs-tools", "wget"];

/** The lab's machines want no firmware. */
const left = ["doc", "info", "locale", "man"].map((name) => `/usr/share/${name}`);
const dpkgOptions = [...left, "/lib/firmware", "/usr/lib/firmware"].map((path) => `path-exclude=${path}/*`);

/** Of all files that are made: nobody compares them. Seconds since 1970. */
const epoch = 1_700_000_000;

export const programs = join(packageRoot, "vm-tests/ubuntu");

/** Beside the lowest, in order. */
export const upperLayers = ["server", "installer", "generic"] as const;

const read = (path: string): string => readFileSync(join(programs, path), "utf8");

/** What the trees are made of. */
export function rootsKey(): unknown {
  const files = ["layers/setup.sh", "layers/minimal.sh", "layers/live-packages.sh", "initramfs/modules"];
  return [minimalPackages, livePackages, dpkgOptions, files.map(read)];
}

/** Makes `minimal` and `installer`, the trees of those layers' packages, and `minimal.squashfs`. */
export async function makeRoots(folder: string, { cache, log }: { cache: string; log: Log }): Promise<void> {
  const apt = await openApt({ os, cache, signal: new AbortController().signal, onLine: log });
  const packages = ["?essential", ...minimalPackages, ...livePackages];
  const lock = await apt.resolve({ os: os.id, packages }, new Date());
  await apt.download(lock);
  const [links, repository, minimal] = ["links", "repository", "minimal"].map((name) =>
    join(folder, name),
  ) as [string, string, string];
  await apt.makeRepository(lock, links);
  // A chroot does not see where the links lead.
  cpSync(links, repository, { recursive: true, dereference: true });
  const setup = join(programs, "layers/setup.sh");
  const step = { kind: "bootstrap", name: "minimal", variant: "configured", setup: "" } as const;
  const bootstrap = bootstrapCommand(
    { ...step, packages: minimalPackages, dpkgOptions },
    { root: minimal, repository, setup },
  );
  await runIsolated(bootstrap, { environment: bootstrapEnvironment, log });
  await run(join(programs, "layers/minimal.sh"), [minimal], { onLine: log });
  const upper = join(folder, "installer");
  await inLayers("live-packages.sh", livePackages, { lower: [minimal], upper, mnt: repository, log });
  await squash(minimal, join(folder, "minimal.squashfs"), log);
  for (const name of [links, repository]) rmSync(name, { recursive: true });
}

export type LiveLayersOptions = {
  /** The folder that makeRoots() filled. */
  readonly roots: string;
  readonly isoArgument: Installer["isoArgument"];
  readonly log: Log;
};

/** Makes `vmlinuz`, `initrd` and `NAME.squashfs` of the upper layers. */
export async function makeLiveLayers(folder: string, options: LiveLayersOptions): Promise<void> {
  const { roots, log } = options;
  const trees = upperLayers.map((name) => ({ name, tree: join(folder, name) }));
  for (const { name, tree } of trees) {
    mkdirSync(join(tree, "usr/share/stand-in"), { recursive: true });
    writeFileSync(join(tree, "usr/share/stand-in", `${name}-layer`), "");
  }
  await addInstaller(join(folder, "installer"), roots);
  for (const { name, tree } of trees) {
    // Not newer than what minimal.sh marks as up to date.
    utimesSync(join(tree, "usr"), 0, 0);
    await squash(tree, join(folder, `${name}.squashfs`), log);
  }
  await makeInitrd(folder, options);
  for (const { tree } of trees) rmSync(tree, { recursive: true });
}

async function addInstaller(tree: string, roots: string): Promise<void> {
  await run("cp", ["-a", `${join(roots, "installer")}/.`, tree]);
  const owned = ["--recursive", "--no-preserve=ownership", "--preserve=mode"];
  await run("cp", [...owned, `${join(programs, "live")}/.`, tree]);
  const unit = "snap.subiquity.subiquity-server.service";
  const wants = join(tree, "etc/systemd/system/multi-user.target.wants");
  mkdirSync(wants, { recursive: true });
  symlinkSync(`/etc/systemd/system/${unit}`, join(wants, unit));
}

/** Kernel and initrd: a release's casper knows its own way to be told of the ISO, and no other. */
async function makeInitrd(folder: string, { roots, isoArgument, log }: LiveLayersOptions): Promise<void> {
  const work = join(folder, "work");
  const script = read("initramfs/casper.sh");
  const own = isoArgument === "url" ? script : script.replace("url=*.iso)", `${isoArgument}=*)`);
  for (const [path, content] of Object.entries(casperFiles(own))) {
    const file = join(work, "casper", path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
  copyFileSync(join(programs, "initramfs/hook"), join(work, "hook"));
  const lower = [join(roots, "installer"), join(roots, "minimal")];
  await inLayers("initrd.sh", [], { lower, upper: join(folder, "upper"), mnt: work, log });
  for (const name of ["vmlinuz", "initrd"]) renameSync(join(work, name), join(folder, name));
  for (const name of [work, join(folder, "upper")]) rmSync(name, { recursive: true });
}

type Layers = { lower: readonly string[]; upper: string; mnt: string; log: Log };

/** Runs a script of layers/ in layers that lie over each other; see layers/in-layers.sh. */
async function inLayers(
  script: string,
  words: readonly string[],
  { lower, upper, mnt, log }: Layers,
): Promise<void> {
  const enter = ["sh", join(programs, "layers/in-layers.sh"), lower.join(":"), upper, mnt, ...words];
  await runIsolated(enter, { environment: {}, input: read(`layers/${script}`), log });
  for (const name of [`${upper}.root`, `${upper}.work`]) rmSync(name, { recursive: true });
}

type Isolated = { environment: Readonly<Record<string, string>>; input?: string; log: Log };

async function runIsolated(command: readonly string[], { environment, input, log }: Isolated): Promise<void> {
  const [program, ...words] = isolate(command, { ...buildEnvironment(epoch), ...environment });
  await run(program, words, { onLine: log, ...(input === undefined ? {} : { input }) });
}

/** lz4 is the fastest to read for an emulated processor. */
async function squash(tree: string, file: string, log: Log): Promise<void> {
  const settings = ["-comp", "lz4", "-noappend", "-no-progress", "-quiet"];
  await run("mksquashfs", [tree, file, ...settings], { onLine: log });
}
