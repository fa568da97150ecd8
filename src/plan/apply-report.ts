/** What the apply script says in a dry run, as values: templates/apply.sh documents its lines. Pure. */

/** One thing that differs between a layer and the system that it was tried on. */
export type FoundChange = {
  readonly action: "added" | "modified" | "deleted" | "install" | "run" | "settle";
  /** A path, a package, a command's name, or `UNIT ACTION`. */
  readonly what: string;
  /** The file was changed on the system since our last apply: its text would be kept aside. */
  readonly isKeptAside: boolean;
  /** The lines of a text's difference, `-` what is there, `+` what the plan has. Empty for what not all may read. */
  readonly difference: readonly string[];
};

const fileActions: Readonly<Record<string, FoundChange["action"]>> = {
  A: "added",
  M: "modified",
  D: "deleted",
};
const otherActions: Readonly<Record<string, FoundChange["action"]>> = {
  package: "install",
  command: "run",
  service: "settle",
};

/** @param lines of the script's standard output. Lines that name no change are left out. */
export function parseDryRun(lines: readonly string[]): FoundChange[] {
  const kept = new Set(lines.flatMap((line) => /^K (\S+) was changed here/.exec(line)?.[1] ?? []));
  const found: { change: FoundChange; difference: string[] }[] = [];
  for (const line of lines) {
    const detail = /^ {4}(.*)$/.exec(line)?.[1];
    if (detail !== undefined) {
      found.at(-1)?.difference.push(detail);
      continue;
    }
    const [, word = "", what = ""] = /^([AMD]|package|command|service) (.+)$/.exec(line) ?? [];
    const action = fileActions[word] ?? otherActions[word];
    if (action === undefined) continue;
    const difference: string[] = [];
    const isKeptAside = word in fileActions && kept.has(what);
    found.push({ change: { action, what, isKeptAside, difference }, difference });
  }
  return found.map(({ change }) => change);
}
