/** One disk against one line of the cluster file: whether it is meant, why not, and how to say so to people. */
import type { DiskMatch } from "../cluster/config.ts";
import type { Disk } from "../plan/inventory.ts";
import { formatBytes } from "../quantity.ts";

export type Judged = {
  readonly disk: Disk;
  /** Why it cannot be taken at all; undefined when it could. */
  readonly unfit: string | undefined;
  /** Which part of the cluster file's match excludes it; undefined when none does. */
  readonly mismatch: string | undefined;
};

export type Judgement = {
  readonly match: DiskMatch;
  /** What the disk must hold at least. */
  readonly requiredBytes: number;
  /** Device paths that another line of the cluster file has taken, with what for. */
  readonly taken: ReadonlyMap<string, string>;
};

export function judgeDisks(
  disks: readonly Disk[],
  { match, requiredBytes, taken }: Judgement,
): readonly Judged[] {
  return disks.map((disk) => {
    const taker = taken.get(disk.path);
    const unfit = taker === undefined ? whyUnfit(disk, requiredBytes) : `it is ${taker}`;
    return { disk, unfit, mismatch: whyMismatch(disk, match) };
  });
}

export function candidatesOf(judged: readonly Judged[]): readonly Disk[] {
  return judged
    .filter((one) => one.unfit === undefined && one.mismatch === undefined)
    .map(({ disk }) => disk);
}

function whyUnfit(disk: Disk, requiredBytes: number): string | undefined {
  if (disk.isRemovable) return "removable";
  if (disk.isReadOnly) return "read-only";
  if (disk.transport === "usb") return "attached by USB";
  if (disk.bytes < requiredBytes)
    return `smaller than the ${formatBytes(requiredBytes)} that the system needs`;
  return undefined;
}

function whyMismatch(disk: Disk, match: DiskMatch): string | undefined {
  const globs: readonly (readonly [string, string | undefined, readonly string[]])[] = [
    ["serial", match.serial, [disk.serial]],
    ["model", match.model, [disk.model]],
    ["idPath", match.idPath, disk.idPaths],
    ["wwn", match.wwn, [disk.wwn]],
  ];
  for (const [name, glob, values] of globs) {
    if (glob !== undefined && !values.some((value) => matchesGlob(glob, value))) {
      return `match.${name} is ${JSON.stringify(glob)}`;
    }
  }
  if (match.minBytes !== undefined && disk.bytes < match.minBytes) {
    return `match.minSize is ${formatBytes(match.minBytes)}`;
  }
  if (match.maxBytes !== undefined && disk.bytes > match.maxBytes) {
    return `match.maxSize is ${formatBytes(match.maxBytes)}`;
  }
  return undefined;
}

/** `*` is any text, `?` one character; everything else, and the case of letters, counts as written. */
export function matchesGlob(glob: string, value: string): boolean {
  const pattern = [...glob]
    .map((char) => (char === "*" ? ".*" : char === "?" ? "." : char.replace(/[\\^$.|+()[\]{}]/, "\\$&")))
    .join("");
  return new RegExp(`^${pattern}$`, "su").test(value);
}

/** One line per disk, each with its verdict. */
export function listJudged(judged: readonly Judged[]): string {
  return judged.length === 0 ? "\n  no disk at all" : judged.map(describeJudged).join("");
}

function describeJudged({ disk, unfit, mismatch }: Judged): string {
  const verdict =
    unfit !== undefined
      ? `not a candidate: ${unfit}`
      : mismatch !== undefined
        ? `not matched: ${mismatch}`
        : "candidate";
  return `\n  ${describeDisk(disk)}: ${verdict}`;
}

/** `/dev/sda, 107 GB, Samsung PM9A3, serial S1, holds gpt, ext4`. */
export function describeDisk(disk: Disk): string {
  const holds = disk.signatures.length === 0 ? "empty" : `holds ${disk.signatures.join(", ")}`;
  return [
    disk.path,
    formatBytes(disk.bytes),
    disk.model === "" ? "no model" : disk.model,
    disk.serial === "" ? "no serial" : `serial ${disk.serial}`,
    holds,
  ].join(", ");
}

/** As YAML flow: the first attribute that this disk has and that none of the others shares. */
export function matchFor(disk: Disk, candidates: readonly Disk[]): string {
  const others = candidates.filter((other) => other !== disk);
  const isOwn = (value: string, valuesOf: (other: Disk) => readonly string[]): boolean =>
    value !== "" && !others.some((other) => valuesOf(other).some((theirs) => matchesGlob(value, theirs)));
  if (isOwn(disk.serial, (other) => [other.serial])) return `{serial: ${JSON.stringify(disk.serial)}}`;
  if (isOwn(disk.wwn, (other) => [other.wwn])) return `{wwn: ${JSON.stringify(disk.wwn)}}`;
  const idPath = disk.idPaths.find((name) => isOwn(name, (other) => other.idPaths));
  if (idPath !== undefined) return `{idPath: ${JSON.stringify(idPath)}}`;
  return `{minSize: ${disk.bytes}, maxSize: ${disk.bytes}}`;
}
