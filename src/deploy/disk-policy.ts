/** Which disk may be overwritten: exactly one, or a refusal that shows every disk and how to choose. */
import type { DiskMatch, DiskPolicy } from "../cluster/config.ts";
import type { Finding } from "../errors.ts";
import type { Disk } from "../plan/inventory.ts";
import { formatBytes } from "../quantity.ts";

export type DiskChoice =
  | { readonly kind: "chosen"; readonly disk: Disk }
  | { readonly kind: "refused"; readonly finding: Finding };

type Judged = {
  readonly disk: Disk;
  /** Why it cannot be the system disk at all; undefined when it could. */
  readonly unfit: string | undefined;
  /** Which part of the cluster file's match excludes it; undefined when none does. */
  readonly mismatch: string | undefined;
};

/** @param requiredBytes what the system disk must hold at least. */
export function chooseDisk(
  nodeName: string,
  disks: readonly Disk[],
  policy: DiskPolicy,
  requiredBytes: number,
): DiskChoice {
  const judged = disks.map((disk) => ({
    disk,
    unfit: whyUnfit(disk, requiredBytes),
    mismatch: whyMismatch(disk, policy.match),
  }));
  const candidates = judged.filter((one) => one.unfit === undefined && one.mismatch === undefined);
  const [only] = candidates;
  if (only !== undefined && candidates.length === 1) return { kind: "chosen", disk: only.disk };
  const listing = disks.length === 0 ? "\n  no disk at all" : judged.map(describeJudged).join("");
  const finding: Finding =
    candidates.length === 0
      ? {
          code: "DISK_NONE",
          where: nodeName,
          message: `no disk can take the system:${listing}`,
          hint: hintForNone(judged, requiredBytes),
          severity: "error",
        }
      : {
          code: "DISK_AMBIGUOUS",
          where: nodeName,
          message: `${candidates.length} disks could be overwritten, and nothing says which:${listing}`,
          hint: hintToChoose(candidates.map((one) => one.disk)),
          severity: "error",
        };
  return { kind: "refused", finding };
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

function describeJudged({ disk, unfit, mismatch }: Judged): string {
  const verdict =
    unfit !== undefined
      ? `not a candidate: ${unfit}`
      : mismatch !== undefined
        ? `not matched: ${mismatch}`
        : "candidate";
  return `\n  ${describeDisk(disk)}: ${verdict}`;
}

function describeDisk(disk: Disk): string {
  const holds = disk.signatures.length === 0 ? "empty" : `holds ${disk.signatures.join(", ")}`;
  return [
    disk.path,
    formatBytes(disk.bytes),
    disk.model === "" ? "no model" : disk.model,
    disk.serial === "" ? "no serial" : `serial ${disk.serial}`,
    holds,
  ].join(", ");
}

function hintToChoose(candidates: readonly Disk[]): string {
  const lines = candidates.map((disk) => `\n  disk: {match: ${matchFor(disk, candidates)}}   # ${disk.path}`);
  return `Write one of these lines into cluster.yaml, under the node or under its group:${lines.join("")}`;
}

/** The first attribute that this disk has and that none of the others shares. */
function matchFor(disk: Disk, candidates: readonly Disk[]): string {
  const others = candidates.filter((other) => other !== disk);
  const isOwn = (value: string, valuesOf: (other: Disk) => readonly string[]): boolean =>
    value !== "" && !others.some((other) => valuesOf(other).some((theirs) => matchesGlob(value, theirs)));
  if (isOwn(disk.serial, (other) => [other.serial])) return `{serial: ${JSON.stringify(disk.serial)}}`;
  if (isOwn(disk.wwn, (other) => [other.wwn])) return `{wwn: ${JSON.stringify(disk.wwn)}}`;
  const idPath = disk.idPaths.find((name) => isOwn(name, (other) => other.idPaths));
  if (idPath !== undefined) return `{idPath: ${JSON.stringify(idPath)}}`;
  return `{minSize: ${disk.bytes}, maxSize: ${disk.bytes}}`;
}

function hintForNone(judged: readonly Judged[], requiredBytes: number): string {
  const excluded = judged.filter((one) => one.unfit === undefined);
  if (excluded.length > 0) {
    const match = matchFor(
      (excluded[0] as Judged).disk,
      excluded.map((one) => one.disk),
    );
    return `The match in cluster.yaml fits no disk of this node. To take ${excluded[0]?.disk.path}: disk: {match: ${match}}`;
  }
  return `Attach a fixed, writable disk of at least ${formatBytes(requiredBytes)}, or add its controller's driver to templates/deploy/modules.`;
}
