/** Which disk the installer takes: what a match says, and what the machine has. */
import type { Finding } from "../../errors.ts";
import { type Action, actionsOf } from "./actions.ts";
import { installer, matchShape } from "./autoinstall-shape.ts";
import { type Disk, describeDisk, type Machine } from "./machine.ts";
import { isMap, type Place, textOf } from "./place.ts";
import { type Consequence, compareShape } from "./shape.ts";
import type { Check } from "./subject.ts";

/** Keys of a match that name a property of udev. Source: subiquity 24.04.4.1, `_make_matchers`. */
const udevNames: Readonly<Record<string, string>> = {
  serial: "ID_SERIAL",
  model: "ID_MODEL",
  vendor: "ID_VENDOR",
  path: "DEVNAME",
  id_path: "ID_PATH",
  devpath: "DEVPATH",
};

/** The disks that one match takes, the one that comes first in front. */
function candidates(match: Place, disks: readonly Disk[]): Disk[] {
  const fitting = disks.filter((disk) =>
    match.entries().every(([key, { value }]) => {
      if (key === "ssd") return disk.isSolidState === value;
      const property = Object.hasOwn(udevNames, key) ? udevNames[key] : undefined;
      if (property === undefined || typeof value !== "string") return true;
      return shellPattern(value).test(disk.properties[property] ?? "");
    }),
  );
  const size = match.at("size").value;
  if (size === "largest") return fitting.sort((left, right) => right.bytes - left.bytes);
  if (size === "smallest") return fitting.sort((left, right) => left.bytes - right.bytes);
  return fitting;
}

/** As Python's fnmatchcase: `*`, `?`, `[abc]`, `[!abc]`, the whole text. */
export function shellPattern(pattern: string): RegExp {
  const source = pattern.replaceAll(/\[!?[^\]]+\]|[\s\S]/g, (part) => {
    if (part === "*") return "[\\s\\S]*";
    if (part === "?") return "[\\s\\S]";
    if (part.length > 1) return `[${part.slice(1, -1).replace(/^!/, "^").replaceAll("\\", "\\\\")}]`;
    return part.replace(/[$()*+.?[\\\]^{|}]/, "\\$&");
  });
  return new RegExp(`^${source}$`);
}

/** The match of a layout or of a disk action: one map, or a list of them of which the first that fits counts. */
function matchesOf(place: Place): Place[] {
  return Array.isArray(place.value) ? place.items() : isMap(place.value) ? [place] : [];
}

export const checkMatch: Check = (subject) => {
  const { autoinstall } = subject;
  const layout = autoinstall.at("storage").at("layout");
  const holders = [layout, ...actionsOf(subject).map(({ place }) => place)];
  return holders.flatMap((holder) => {
    const match = holder.at("match");
    return match.value === undefined
      ? []
      : [...compareShape(match, matchShape, consequence), ...matchesOf(match).flatMap(checkOneMatch)];
  });
};

const otherDisk = "and takes another disk, possibly one with data";
const consequence: Consequence = { ...installer, ignored: `the installer ignores it ${otherDisk}` };

function checkOneMatch(match: Place): Finding[] {
  const size = match.at("size");
  const serial = match.at("serial");
  const isSizeKnown = size.value === undefined || size.value === "largest" || size.value === "smallest";
  // A whole ID_SERIAL has the model in front, and so an underscore.
  const isBareSerial = /^[^*?_[]+$/.test(textOf(serial) ?? "*");
  return [
    ...(isSizeKnown
      ? []
      : [
          size.error(
            "VALUE_INVALID",
            `${size.name}: the installer knows no size but smallest and largest: it ignores this one ${otherDisk}`,
            "Match by model, serial or id_path instead; lsblk -o NAME,MODEL,SERIAL and udevadm info show them.",
          ),
        ]),
    ...(isBareSerial
      ? [
          serial.warning(
            "DISK_NONE",
            `${serial.name} is compared with all of ID_SERIAL, which begins with the model and may end in the namespace's number: most likely it matches no disk, and the installer stops`,
            `Write a pattern for both sides: serial: "*${String(serial.value)}*"`,
          ),
        ]
      : []),
  ];
}

/** A disk action that takes whatever comes. */
export const checkDiskActions: Check = (subject) =>
  actionsOf(subject)
    .filter(({ type }) => type === "disk")
    .flatMap(({ place }) => checkChoice(place));

function checkChoice(disk: Place): Finding[] {
  const isChosen = ["serial", "path", "wwn", "match", "preserve", "nvme_controller"].some(
    (key) => disk.at(key).value !== undefined,
  );
  if (isChosen) return [];
  return [
    disk.warning(
      "DISK_UNCHOSEN",
      `${disk.name} does not say which disk it is: the installer takes any one, possibly one with data`,
      "Add match: with model, serial, path or id_path.",
    ),
  ];
}

export type Assignment = {
  /** By the id of the disk action. */
  readonly disks: ReadonlyMap<string, Disk>;
  readonly findings: readonly Finding[];
};

/** Gives each disk action its disk, as the installer does: in order, and none twice. */
export function assignDisks(actions: readonly Action[], machine: Machine): Assignment {
  const free = [...machine.disks];
  const disks = new Map<string, Disk>();
  const findings: Finding[] = [];
  const wanted = actions.filter(({ type }) => type === "disk");
  for (const { place, id } of wanted) {
    const found = findDisks(place, free);
    const [first] = found;
    if (first === undefined) {
      findings.push(noDisk(place, free, machine));
      continue;
    }
    const rivals = wanted.filter((each) => sameMatch(each.place, place)).length;
    const isSorted = matchesOf(place.at("match")).some((match) => match.at("size").value !== undefined);
    if (found.length > rivals && !isSorted && !disks.has(id)) findings.push(severalDisks(place, found));
    disks.set(id, first);
    free.splice(free.indexOf(first), 1);
  }
  return { disks, findings };
}

function sameMatch(left: Place, right: Place): boolean {
  return JSON.stringify(left.at("match").value) === JSON.stringify(right.at("match").value);
}

/** `serial` and `path` of an action are whole texts; only without them its match counts. */
function findDisks(action: Place, disks: readonly Disk[]): Disk[] {
  const serial = textOf(action.at("serial"));
  if (serial !== undefined) {
    return disks.filter(({ properties: { ID_SERIAL, ID_SERIAL_SHORT, ID_SCSI_SERIAL } }) =>
      [ID_SERIAL ?? ID_SERIAL_SHORT, ID_SCSI_SERIAL].includes(serial),
    );
  }
  const path = textOf(action.at("path"));
  if (path !== undefined) return disks.filter((disk) => disk.path === path);
  return firstMatch(action.at("match"), disks);
}

function firstMatch(match: Place, disks: readonly Disk[]): Disk[] {
  const matches = matchesOf(match);
  if (matches.length === 0) return [...disks];
  return matches.map((each) => candidates(each, disks)).find((found) => found.length > 0) ?? [];
}

export const checkDisks: Check = (subject) => {
  const { autoinstall, machine } = subject;
  if (machine === undefined) return checkUnseenLayout(autoinstall);
  const storage = autoinstall.at("storage");
  if (storage.at("config").value !== undefined && storage.at("layout").value === undefined) {
    return [...assignDisks(actionsOf(subject), machine).findings];
  }
  const match = storage.at("layout").at("match");
  if (match.value === undefined) return largestDisk(storage, machine);
  const found = firstMatch(match, machine.disks);
  if (found.length === 0) return [noDisk(storage.at("layout"), machine.disks, machine)];
  const isSorted = matchesOf(match).some((each) => each.at("size").value !== undefined);
  return found.length > 1 && !isSorted ? [severalDisks(storage.at("layout"), found)] : [];
};

function checkUnseenLayout(autoinstall: Place): Finding[] {
  const storage = autoinstall.at("storage");
  const layout = storage.at("layout");
  const isLayout = layout.value !== undefined || storage.value === undefined;
  const isChosen = layout.at("match").value !== undefined;
  return isLayout && !isChosen ? [unchosen(storage, "the largest disk, possibly one with data")] : [];
}

function largestDisk(storage: Place, { disks }: Machine): Finding[] {
  const largest = disks.toSorted((left, right) => right.bytes - left.bytes)[0];
  if (largest === undefined || disks.length === 1) return [];
  return [unchosen(storage, `the largest of its ${disks.length} disks, ${describeDisk(largest)}`)];
}

function unchosen(storage: Place, what: string): Finding {
  const place = storage.at("layout").value === undefined ? storage : storage.at("layout");
  return place.warning(
    "DISK_UNCHOSEN",
    `nothing says which disk to install to: the installer takes ${what}`,
    "Add storage.layout.match with model, serial, path or id_path.",
    "key",
  );
}

function noDisk(holder: Place, free: readonly Disk[], { disks }: Machine): Finding {
  const place = ["serial", "path", "match"]
    .map((key) => holder.at(key))
    .find(({ value }) => value !== undefined);
  const isTaken = free.length < disks.length && findDisks(holder, disks).length > 0;
  return (place ?? holder).error(
    "DISK_NONE",
    isTaken
      ? `${holder.name}: an action before it has taken the only disk that fits: the installer stops`
      : `${holder.name} matches no disk of the machine: the installer stops`,
    `Its disks: ${disks.map(describeDisk).join(", ")}. Patterns are compared with all of ID_SERIAL, ID_MODEL …: write "*…*".`,
  );
}

function severalDisks(holder: Place, found: readonly Disk[]): Finding {
  return holder.warning(
    "DISK_AMBIGUOUS",
    `${holder.name} matches ${found.length} disks of the machine, and the installer takes any of them: ${found.map(describeDisk).join(", ")}`,
    "Match by serial or id_path, or say size: smallest.",
  );
}
