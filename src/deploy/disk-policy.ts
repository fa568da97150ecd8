/** Which disks hold the system and which hold data: exactly those that are meant, or a refusal that shows every disk. */
import type { DiskPolicy } from "../cluster/config.ts";
import type { Finding } from "../errors.ts";
import type { Disk } from "../plan/inventory.ts";
import { formatBytes } from "../quantity.ts";
import { chooseDataDisks, type DataChoice, findTwins } from "./data-disks.ts";
import { candidatesOf, type Judged, judgeDisks, listJudged, matchFor } from "./judge-disk.ts";

export type DiskLayout = {
  /** One disk, or the two of a mirror: both are overwritten. */
  readonly system: readonly [Disk] | readonly [Disk, Disk];
  readonly data: readonly DataChoice[];
};

export type DiskChoice =
  | { readonly kind: "chosen"; readonly layout: DiskLayout }
  | { readonly kind: "refused"; readonly findings: readonly Finding[] };

type SystemChoice =
  | { readonly kind: "chosen"; readonly disks: DiskLayout["system"] }
  | { readonly kind: "refused"; readonly finding: Finding };

/** @param requiredBytes what a system disk must hold at least. */
export function chooseDisks(
  nodeName: string,
  disks: readonly Disk[],
  policy: DiskPolicy,
  requiredBytes: number,
): DiskChoice {
  const data = chooseDataDisks(nodeName, disks, policy.data ?? []);
  const judge = (match: DiskPolicy["match"]) =>
    judgeDisks(disks, { match, requiredBytes, taken: data.taken });
  const system =
    policy.mirror === undefined
      ? chooseSystemDisk(nodeName, judge(policy.match), requiredBytes)
      : chooseMirror(nodeName, judge(policy.match), judge(policy.mirror.match));
  if (system.kind === "refused") return { kind: "refused", findings: [...data.findings, system.finding] };
  const layout: DiskLayout = { system: system.disks, data: data.choices };
  const written = disksToWrite(layout);
  const untouched = disks.filter(({ path }) => !written.includes(path));
  const findings = [...data.findings, ...findTwins(nodeName, untouched, data.choices)];
  return findings.length > 0 ? { kind: "refused", findings } : { kind: "chosen", layout };
}

/** @returns device paths. */
export function disksToWrite({ system, data }: DiskLayout): readonly string[] {
  const made = data.filter(({ kind }) => kind === "make");
  return [...system, ...made.map(({ disk }) => disk)].map(({ path }) => path);
}

function chooseSystemDisk(nodeName: string, judged: readonly Judged[], requiredBytes: number): SystemChoice {
  const candidates = candidatesOf(judged);
  const [only] = candidates;
  if (only !== undefined && candidates.length === 1) return { kind: "chosen", disks: [only] };
  const listing = listJudged(judged);
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
          hint: hintToChoose(candidates),
          severity: "error",
        };
  return { kind: "refused", finding };
}

/** Both lines may fit the same two disks: which of two halves is called the first decides nothing. */
function chooseMirror(nodeName: string, first: readonly Judged[], second: readonly Judged[]): SystemChoice {
  const seconds = candidatesOf(second);
  const pairs = candidatesOf(first).flatMap((disk) =>
    seconds.filter((other) => other !== disk).map((other): readonly [Disk, Disk] => [disk, other]),
  );
  const names = new Set(
    pairs.map((pair) =>
      pair
        .map(({ path }) => path)
        .sort()
        .join(" "),
    ),
  );
  const [pair] = pairs;
  if (pair !== undefined && names.size === 1) return { kind: "chosen", disks: pair };
  const both = [...new Set([...candidatesOf(first), ...seconds])];
  const listing = `\nfor disk.match:${listJudged(first)}\nfor disk.mirror.match:${listJudged(second)}`;
  const finding: Finding =
    pair === undefined
      ? {
          code: "DISK_NONE",
          where: nodeName,
          message: `no two disks can be the mirror:${listing}`,
          hint: "Attach the missing disk, correct the two matches, or take disk.mirror out of cluster.yaml.",
          severity: "error",
        }
      : {
          code: "DISK_AMBIGUOUS",
          where: nodeName,
          message: `${names.size} pairs of disks could become the mirror, and nothing says which:${listing}`,
          hint: `Write two of these into cluster.yaml, as disk: {match: …, mirror: {match: …}}:${linesToChoose(both)}`,
          severity: "error",
        };
  return { kind: "refused", finding };
}

function linesToChoose(candidates: readonly Disk[]): string {
  return candidates.map((disk) => `\n  ${matchFor(disk, candidates)}   # ${disk.path}`).join("");
}

function hintToChoose(candidates: readonly Disk[]): string {
  const lines = candidates.map((disk) => `\n  disk: {match: ${matchFor(disk, candidates)}}   # ${disk.path}`);
  return `Write one of these lines into cluster.yaml, under the node or under its group:${lines.join("")}`;
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
  return `Attach a fixed, writable disk of at least ${formatBytes(requiredBytes)}, or add its controller's driver to templates/deploy/drivers.`;
}
