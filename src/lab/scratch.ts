/** The lab's folder on disk: one per lab, named after the process that uses it, and removed after it. */
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

export type Scratch = {
  /** Unique on this host: names cgroups as well. */
  readonly id: string;
  /** @returns a fresh folder of that name, mode 0700. */
  folder(name: string): string;
  close(): void;
};

/**
 * Makes the folder below `<cache>/lab`, and removes those whose process is dead: a lab that was killed could
 * not clean up.
 * @param isAlive tells whether a pid is in use.
 */
export function openScratch(
  cache: string,
  pid: number,
  isAlive: (pid: number) => boolean = isRunning,
): Scratch {
  const labs = join(cache, "lab");
  mkdirSync(labs, { recursive: true });
  const entries = readdirSync(labs);
  for (const entry of entries) {
    if (!isAlive(Number.parseInt(entry, 10))) rmSync(join(labs, entry), { recursive: true, force: true });
  }
  const mine = entries.filter((entry) => Number.parseInt(entry, 10) === pid).length;
  const id = `${pid}-${mine + 1}`;
  const root = join(labs, id);
  mkdirSync(root, { recursive: true, mode: 0o700 });
  return {
    id,
    folder: (name) => {
      const path = join(root, name);
      rmSync(path, { recursive: true, force: true });
      mkdirSync(path, { recursive: true, mode: 0o700 });
      return path;
    },
    close: () => rmSync(root, { recursive: true, force: true }),
  };
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
