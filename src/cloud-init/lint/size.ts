/** Sizes of partitions: how they are written, which may take the rest, and whether they fit on the machine's disks. */
import type { Finding } from "../../errors.ts";
import { formatBytes } from "../../quantity.ts";
import { type Action, actionsOf } from "./actions.ts";
import { installer } from "./autoinstall-shape.ts";
import { type Disk, describeDisk } from "./machine.ts";
import { assignDisks } from "./match.ts";
import { type Place, textOf, textsOf } from "./place.ts";
import type { Check } from "./subject.ts";

/** `size: -1`: what the others leave. */
const rest = -1;

/** A GPT and the alignment of partitions take a MiB at both ends. Bytes. Source: subiquity, `min_start_offset`. */
const tableBytes = 2 * 2 ** 20;

/** LUKS2 keeps its header in front. Bytes. Source: cryptsetup 2.x, its default. */
const luksBytes = 16 * 2 ** 20;

/** LVM takes whole extents; the first holds its own metadata. Bytes. Source: lvm.conf, phys_extent_size. */
const extentBytes = 4 * 2 ** 20;

const units = "BKMGTP";

type Size =
  | { readonly kind: "bytes"; readonly bytes: number }
  | { readonly kind: "share"; readonly percent: number }
  | { readonly kind: "rest" };

/** @returns undefined for what the installer does not read. Source: subiquity, `dehumanize_size`. */
export function readSize(value: unknown): Size | undefined {
  if (value === rest) return { kind: "rest" };
  if (typeof value === "number") return value > 0 ? { kind: "bytes", bytes: value } : undefined;
  if (typeof value !== "string") return undefined;
  const percent = /^(\d+)%$/.exec(value)?.[1];
  if (percent !== undefined) return { kind: "share", percent: Number(percent) };
  const [, digits, unit = "B"] = /^(\d+(?:\.\d+)?)([BKMGTP])?$/i.exec(value) ?? [];
  if (digits === undefined) return undefined;
  return { kind: "bytes", bytes: Math.floor(Number(digits) * 1024 ** units.indexOf(unit.toUpperCase())) };
}

/** Partitions and logical volumes by what they are cut from. */
function cutFrom(actions: readonly Action[]): ReadonlyMap<string, Action[]> {
  const cuts = new Map<string, Action[]>();
  for (const action of actions) {
    const key = { partition: "device", lvm_partition: "volgroup" }[action.type];
    const parent = key && textOf(action.place.at(key));
    if (parent === undefined) continue;
    cuts.set(parent, [...(cuts.get(parent) ?? []), action]);
  }
  return cuts;
}

export const checkSizes: Check = (subject) => {
  const actions = actionsOf(subject);
  return [
    ...actions.flatMap(checkWriting),
    ...[...cutFrom(actions).values()].flatMap(checkRest),
    ...(subject.machine === undefined ? [] : checkRoom(actions, assignDisks(actions, subject.machine).disks)),
  ];
};

function checkWriting({ type, place }: Action): Finding[] {
  const size = place.at("size");
  const isSized = type === "partition" || type === "lvm_partition";
  if (!isSized || size.value === undefined || readSize(size.value) !== undefined) return [];
  return [
    size.error(
      "VALUE_INVALID",
      `${size.name} is no size that the installer reads: ${installer.stops}`,
      "Write bytes, 512M, 1.5G or 50%, or -1 (a number, without quotes) for the rest.",
    ),
  ];
}

function checkRest(parts: readonly Action[]): Finding[] {
  // Logical partitions of an MS-DOS table lie in another one and have a rest of their own.
  const primary = parts.filter(({ place }) => place.at("flag").value !== "logical");
  const takers = primary.filter(({ place }) => place.at("size").value === rest);
  return takers
    .filter((action) => action !== primary.at(-1))
    .map(({ place }) =>
      place
        .at("size")
        .error(
          "REST_MISPLACED",
          takers.length > 1
            ? `${takers.length} of one device take the rest (size: -1), and only its last may: the installer stops`
            : `${place.name} takes the rest (size: -1), and others of its device come after it: the installer stops`,
          "Give it a size of its own, and keep -1 for the last one.",
        ),
    );
}

/** Follows sizes from disks through arrays, encryption and volume groups down to logical volumes. */
function checkRoom(actions: readonly Action[], disks: ReadonlyMap<string, Disk>): Finding[] {
  const room = new Map<string, number>([...disks].map(([id, disk]) => [id, disk.bytes]));
  const cuts = cutFrom(actions);
  const findings: Finding[] = [];
  for (const action of actions) {
    const own = room.get(action.id) ?? sizeOfWhole(action, room);
    if (own === undefined) continue;
    room.set(action.id, own);
    const disk = disks.get(action.id);
    const name = disk === undefined ? `${action.id} (${formatBytes(own)})` : describeDisk(disk);
    const parts = cuts.get(action.id) ?? [];
    const usable = action.type === "lvm_volgroup" ? own : own - tableBytes;
    findings.push(...shareOut(parts, usable, name, room));
  }
  return findings;
}

/** Arrays, encryption and volume groups are as large as their parts make them. */
function sizeOfWhole({ type, place }: Action, room: ReadonlyMap<string, number>): number | undefined {
  const sizes = (key: string): number[] | undefined => {
    const parts = textsOf(place.at(key)).map(({ text }) => room.get(text));
    return parts.length > 0 && parts.every((size) => size !== undefined) ? parts : undefined;
  };
  if (type === "dm_crypt") {
    const volume = room.get(textOf(place.at("volume")) ?? "");
    return volume === undefined ? undefined : volume - luksBytes;
  }
  const devices = sizes("devices");
  if (devices === undefined) return undefined;
  if (type === "lvm_volgroup") return devices.reduce((sum, size) => sum + size - extentBytes, 0);
  return type === "raid" ? sizeOfArray(String(place.at("raidlevel").value), devices) : undefined;
}

type ArraySize = (least: number, count: number, sum: number) => number;

/** Bytes of an array by its level, as curtin takes it: with and without `raid` in front. */
const arraySizes: Readonly<Record<string, ArraySize>> = {
  0: (_least, _count, sum) => sum,
  stripe: (_least, _count, sum) => sum,
  linear: (_least, _count, sum) => sum,
  1: (least) => least,
  mirror: (least) => least,
  4: (least, count) => least * (count - 1),
  5: (least, count) => least * (count - 1),
  6: (least, count) => least * (count - 2),
  10: (least, count) => (least * count) / 2,
};

function sizeOfArray(level: string, devices: readonly number[]): number | undefined {
  const name = level.replace(/^raid/, "");
  const size = Object.hasOwn(arraySizes, name) ? arraySizes[name] : undefined;
  const sum = devices.reduce((total, each) => total + each, 0);
  return size?.(Math.min(...devices), devices.length, sum);
}

function shareOut(
  parts: readonly Action[],
  usable: number,
  name: string,
  room: Map<string, number>,
): Finding[] {
  let used = 0;
  const findings: Finding[] = [];
  for (const { id, place } of parts) {
    const size = readSize(place.at("size").value);
    // A logical volume without a size takes what is left, as with -1.
    const bytes = size === undefined || size.kind === "rest" ? usable - used : bytesOf(size, usable);
    used += Math.max(bytes, 0);
    room.set(id, Math.max(bytes, 0));
    const isTooMuch = used > usable || (bytes <= 0 && size?.kind === "rest");
    if (isTooMuch && findings.length === 0) findings.push(tooLarge(place, { used, usable, name }));
  }
  return findings;
}

function bytesOf(size: Exclude<Size, { kind: "rest" }>, usable: number): number {
  return size.kind === "bytes" ? size.bytes : Math.floor((usable * size.percent) / 100);
}

function tooLarge(
  place: Place,
  { used, usable, name }: { used: number; usable: number; name: string },
): Finding {
  const isRest = place.at("size").value === rest;
  const size = place.at("size");
  return (size.value === undefined ? place : size).error(
    "LAYOUT_TOO_LARGE",
    isRest
      ? `nothing is left of ${name} for ${place.name}: the installer goes on and gives it size 0`
      : `up to ${place.name}, ${formatBytes(used)} are wanted of ${name}, which has ${formatBytes(usable)} for them: a size: -1 after it becomes 0, and the install fails half-way`,
    "Make the partitions smaller, or match a larger disk.",
  );
}
