/** The lab's folders on disk: one set per lab, named after the process that uses it, and removed after it. */
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

export type Scratch = {
  /** Unique on this host: names cgroups as well. */
  readonly id: string;
  /** For sockets, in RAM: a Unix socket's path has at most 107 bytes (unix(7)), and caches lie deep. */
  readonly runtime: string;
  /** @returns a fresh folder of that name, mode 0700. */
  folder(name: string): string;
  close(): void;
};

export type ScratchPlaces = {
  readonly cache: string;
  /** Default: /run/imagectl-lab. */
  readonly runtime?: string;
  readonly pid: number;
  /** Tells whether a pid is in use. */
  readonly isAlive?: (pid: number) => boolean;
};

/** Makes the folders, and removes those whose process is dead: a lab that was killed could not clean up. */
export function openScratch(places: ScratchPlaces): Scratch {
  const { cache, runtime = "/run/imagectl-lab", pid, isAlive = isRunning } = places;
  const roots = [join(cache, "lab"), runtime];
  const taken = new Set(roots.flatMap((root) => removeDead(root, isAlive)));
  let number = 1;
  while (taken.has(`${pid}-${number}`)) number += 1;
  const id = `${pid}-${number}`;
  const [disk, memory] = roots.map((root) => join(root, id)) as [string, string];
  for (const folder of [disk, memory]) mkdirSync(folder, { mode: 0o700 });
  return {
    id,
    runtime: memory,
    folder: (name) => {
      const path = join(disk, name);
      rmSync(path, { recursive: true, force: true });
      mkdirSync(path, { recursive: true, mode: 0o700 });
      return path;
    },
    close: () => {
      for (const folder of [disk, memory]) rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** @returns the names that are in use. */
function removeDead(root: string, isAlive: (pid: number) => boolean): string[] {
  mkdirSync(root, { recursive: true, mode: 0o755 });
  return readdirSync(root).filter((entry) => {
    if (isAlive(Number.parseInt(entry, 10))) return true;
    rmSync(join(root, entry), { recursive: true, force: true });
    return false;
  });
}

/** kill(2) with signal 0 only asks; EPERM means that it runs as somebody else. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
