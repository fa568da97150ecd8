/** Which disks hold data, and what becomes of each: kept as it is, or made anew. In doubt it is a refusal. */
import type { DataDisk, DataFilesystem } from "../cluster/config.ts";
import type { ErrorCode } from "../error-codes.ts";
import type { Finding } from "../errors.ts";
import type { Disk, Filesystem } from "../plan/inventory.ts";
import { candidatesOf, describeDisk, judgeDisks, listJudged, matchFor } from "./judge-disk.ts";

export type DataChoice =
  | {
      readonly kind: "make";
      readonly disk: Disk;
      readonly mount: string;
      readonly filesystem: DataFilesystem;
      readonly partitionName: string;
    }
  | { readonly kind: "keep"; readonly disk: Disk; readonly mount: string; readonly found: Filesystem };

export type DataDisks = {
  readonly choices: readonly DataChoice[];
  /** Device paths of every disk that a line fits, with what it is: none of them may hold the system. */
  readonly taken: ReadonlyMap<string, string>;
  readonly findings: readonly Finding[];
};

/** What the installed system mounts without further packages. */
const mountable = ["ext4", "xfs"];

type Found = { readonly wanted: DataDisk; readonly disk: Disk };

export function chooseDataDisks(
  nodeName: string,
  disks: readonly Disk[],
  wanted: readonly DataDisk[],
): DataDisks {
  const refuse = refusalsOf(nodeName);
  const taken = new Map<string, string>();
  const findings: Finding[] = [];
  const found: Found[] = [];
  for (const one of wanted) {
    const judged = judgeDisks(disks, { match: one.match, requiredBytes: 0, taken });
    const candidates = candidatesOf(judged);
    const [disk] = candidates;
    for (const { path } of candidates) taken.set(path, `the data disk for ${one.mount}`);
    if (disk === undefined) {
      const message = `no disk can be the data disk for ${one.mount}:${listJudged(judged)}`;
      const hint = `Attach it, or correct its match under disk.data, or take the entry for ${one.mount} out.`;
      findings.push(refuse("DISK_NONE", message, hint));
    } else if (candidates.length > 1) {
      const message = `${candidates.length} disks could be the data disk for ${one.mount}:${listJudged(judged)}`;
      const lines = candidates.map((each) => `\n  match: ${matchFor(each, candidates)}   # ${each.path}`);
      const hint = `Write one of these lines into the entry for ${one.mount} under disk.data:${lines.join("")}`;
      findings.push(refuse("DISK_AMBIGUOUS", message, hint));
    } else {
      found.push({ wanted: one, disk });
    }
  }
  const judged = found.map((one) => decide(one, refuse));
  const choices = judged.flatMap((one) => ("kind" in one ? [one] : []));
  findings.push(...judged.flatMap((one) => ("finding" in one ? [one.finding] : [])));
  return { choices, taken, findings };
}

function refusalsOf(nodeName: string): Refuse {
  return (code, message, hint) => ({ code, where: nodeName, message, hint, severity: "error" });
}

type Refuse = (code: ErrorCode, message: string, hint: string) => Finding;

function decide({ wanted, disk }: Found, refuse: Refuse): DataChoice | { readonly finding: Finding } {
  const { mount } = wanted;
  const partitionName = partitionNameOf(mount);
  const ours = disk.filesystems.filter((each) => each.partitionName === partitionName);
  switch (wanted.policy) {
    case "wipe":
      return { kind: "make", disk, mount, filesystem: wanted.filesystem, partitionName };
    case "scratch": {
      const kept = ours.find((each) => each.type === wanted.filesystem);
      return kept === undefined
        ? { kind: "make", disk, mount, filesystem: wanted.filesystem, partitionName }
        : { kind: "keep", disk, mount, found: kept };
    }
    case "keep": {
      const usable = disk.filesystems.filter(({ type }) => mountable.includes(type));
      const named = usable.filter((each) => ours.includes(each));
      const [found, another] = named.length > 0 ? named : usable;
      if (found !== undefined && another === undefined) return { kind: "keep", disk, mount, found };
      return { finding: refuseToKeep(disk, mount, usable, refuse) };
    }
    default:
      return wanted satisfies never;
  }
}

function refuseToKeep(disk: Disk, mount: string, usable: readonly Filesystem[], refuse: Refuse): Finding {
  const what = `the data disk for ${mount} is to be kept`;
  if (usable.length === 0) {
    const message = `${what}, but it has no file system of ${mountable.join(" or ")}:\n  ${describeDisk(disk)}`;
    const hint = `Once, with policy: scratch for ${mount}, a deploy makes one and overwrites what is on the disk; policy: keep then holds it.`;
    return refuse("DATA_DISK_EMPTY", message, hint);
  }
  const devices = usable.map(({ device, type, uuid }) => `\n  ${device}, ${type}, UUID ${uuid}`);
  const message = `${what}, but it has ${usable.length} file systems, and nothing says which is meant:${devices.join("")}`;
  const hint = `Give the partition that is meant its name: sfdisk --part-label ${disk.path} NUMBER ${partitionNameOf(mount)}`;
  return refuse("DISK_AMBIGUOUS", message, hint);
}

/**
 * A disk that was copied whole: its node would mount now the one, now the other.
 * @param untouched the disks that this deploy does not write.
 */
export function findTwins(
  nodeName: string,
  untouched: readonly Disk[],
  choices: readonly DataChoice[],
): Finding[] {
  const refuse = refusalsOf(nodeName);
  const others = untouched.flatMap(({ filesystems }) => filesystems);
  return choices.flatMap((choice) => {
    if (choice.kind !== "keep") return [];
    const { device, uuid } = choice.found;
    const twin = others.find((other) => other.uuid === uuid && other.device !== device);
    if (twin === undefined) return [];
    const message = `the file system for ${choice.mount}, ${device}, has the same UUID as ${twin.device}: ${uuid}`;
    return [refuse("DISK_TWIN", message, `Detach the copy, or wipe it: wipefs --all ${twin.device}`)];
  });
}

/**
 * How a file system of ours is known again: `data-srv-scratch` for /srv/scratch.
 * A GPT partition's name has at most 36 UTF-16 units (UEFI 2.10 table 5.6).
 */
export function partitionNameOf(mount: string): string {
  return `data${mount.replaceAll("/", "-")}`.slice(0, 36);
}
