/**
 * A stand-in for an Ubuntu live server's ISO that boots: packages of its archive in its layers, with what was read of casper,
 * subiquity and curtin as programs of our own (vm-tests/ubuntu). Needs root, squashfs-tools and xorriso.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { digestOf } from "../../src/digest.ts";
import { type Installer, installers, isOfRelease } from "../../src/images/installer/installers.ts";
import { layerNames, makeIso } from "../../src/images/installer/stand-in.test-data.ts";
import { upperLayers as layers, makeLiveLayers, makeRoots, programs, rootsKey } from "./live-layers.ts";

export type LiveIsoOptions = {
  /** `24.04.4`. */
  readonly version: string;
  readonly cache: string;
  readonly log: (line: string) => void;
};

/** @returns the path of `ubuntu-24.04.4-live-server-amd64.iso` in the folder; its parts are kept in the cache. */
export async function makeLiveIso(folder: string, { version, cache, log }: LiveIsoOptions): Promise<string> {
  const { release, isoArgument } = installerOf(version);
  const roots = await ensurePart(join(cache, "ubuntu-stand-in", nameOf("roots", rootsKey())), (part) =>
    makeRoots(part, { cache, log }),
  );
  const liveKey = [rootsKey(), release, readPrograms()];
  const live = await ensurePart(join(cache, "ubuntu-stand-in", nameOf("live", liveKey)), (part) =>
    makeLiveLayers(part, { roots, isoArgument, log }),
  );
  const squashed = [
    join(roots, "minimal.squashfs"),
    ...layers.map((name) => join(live, `${name}.squashfs`)),
  ] as const;
  return makeIso(folder, {
    version,
    realFiles: {
      "casper/vmlinuz": join(live, "vmlinuz"),
      "casper/initrd": join(live, "initrd"),
      ...Object.fromEntries(layerNames.map((name, index) => [`casper/${name}`, squashed[index] ?? ""])),
    },
  });
}

function installerOf(version: string): Installer {
  const found = installers.find((installer) => isOfRelease(installer, version));
  if (found === undefined) throw new Error(`imagectl knows no installer of ${version}`);
  return found;
}

function nameOf(part: string, key: unknown): string {
  return `${part}-${digestOf(key).slice(0, 16)}`;
}

function readPrograms(): string[][] {
  const entries = readdirSync(programs, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return paths.sort().map((path) => [path.slice(programs.length), readFileSync(path, "utf8")]);
}

/** Makes a folder of the cache where there is none: whole, or not at all. */
async function ensurePart(folder: string, make: (partial: string) => Promise<void>): Promise<string> {
  if (!existsSync(folder)) {
    const partial = `${folder}.${process.pid}`;
    mkdirSync(partial, { recursive: true });
    try {
      await make(partial);
      renameSync(partial, folder);
    } finally {
      rmSync(partial, { recursive: true, force: true });
    }
  }
  const now = new Date();
  utimesSync(folder, now, now);
  return folder;
}
