/** Data disks: kept, made anew, or refused; and never the system's. */
import { describe, expect, test } from "vitest";
import type { DataDisk, DiskPolicy } from "../cluster/config.ts";
import type { Finding } from "../errors.ts";
import type { Disk } from "../plan/inventory.ts";
import { partitionNameOf } from "./data-disks.ts";
import { chooseDisks } from "./disk-policy.ts";
import { disk, filesystem, gibibyte } from "./test-disks.ts";

const system = disk("/dev/a");
const ours = filesystem("/dev/b1", { partitionName: "data-srv-data" });
const theirs = filesystem("/dev/b1");
const empty = disk("/dev/b");
const holding = (...filesystems: Disk["filesystems"]) => disk("/dev/b", { filesystems });

const place = { match: { serial: "S-b" }, mount: "/srv/data" };
const keep: DataDisk = { ...place, policy: "keep" };
const wipe: DataDisk = { ...place, policy: "wipe", filesystem: "ext4" };
const scratch: DataDisk = { ...place, policy: "scratch", filesystem: "ext4" };

function choose(disks: readonly Disk[], data: readonly DataDisk[], rest: Partial<DiskPolicy> = {}) {
  return chooseDisks("node1", disks, { match: {}, ...rest, data }, 4 * gibibyte);
}

function findings(disks: readonly Disk[], data: readonly DataDisk[], rest: Partial<DiskPolicy> = {}) {
  const choice = choose(disks, data, rest);
  return choice.kind === "refused" ? choice.findings : [];
}

const made = { kind: "make", mount: "/srv/data", filesystem: "ext4", partitionName: "data-srv-data" };

describe("what becomes of a data disk", () => {
  test.each<[string, Disk, DataDisk, object]>([
    ["keep: the only file system is kept", holding(theirs), keep, { kind: "keep", found: theirs }],
    [
      "keep: one on the whole disk, without a table, too",
      holding(filesystem("/dev/b", { type: "xfs" })),
      keep,
      { kind: "keep", found: { device: "/dev/b" } },
    ],
    [
      "keep: among several, the one that we once named",
      holding(filesystem("/dev/b2"), ours),
      keep,
      { kind: "keep", found: ours },
    ],
    [
      "keep: what cannot be mounted does not count",
      holding(filesystem("/dev/b2", { type: "swap" }), theirs),
      keep,
      { found: theirs },
    ],
    ["wipe: an empty disk", empty, wipe, made],
    ["wipe: made anew although it is ours", holding(ours), wipe, made],
    ["scratch: an empty disk", empty, scratch, made],
    ["scratch: ours is kept", holding(ours), scratch, { kind: "keep", found: ours }],
    ["scratch: a stranger's is made anew", holding(theirs), scratch, made],
    [
      "scratch: ours of another kind is made anew",
      holding(ours),
      { ...scratch, filesystem: "xfs" },
      { ...made, filesystem: "xfs" },
    ],
  ])("%s", (_name, data, policy, expected) => {
    const choice = choose([system, data], [policy]);
    expect(choice).toMatchObject({
      kind: "chosen",
      layout: { system: [{ path: "/dev/a" }], data: [{ disk: { path: "/dev/b" }, ...expected }] },
    });
  });
});

describe("in doubt it is a refusal", () => {
  test.each<[string, readonly Disk[], readonly DataDisk[], string]>([
    ["keep: an empty disk", [system, empty], [keep], "DATA_DISK_EMPTY"],
    [
      "keep: half of an array",
      [system, disk("/dev/b", { signatures: ["linux_raid_member"] })],
      [keep],
      "DATA_DISK_EMPTY",
    ],
    ["keep: two file systems", [system, holding(theirs, filesystem("/dev/b2"))], [keep], "DISK_AMBIGUOUS"],
    ["the disk is missing", [system], [wipe], "DISK_NONE"],
    ["two disks that fit", [system, empty, disk("/dev/c", { serial: "S-b" })], [wipe], "DISK_AMBIGUOUS"],
    ["one disk for two lines", [system, empty], [wipe, { ...wipe, mount: "/srv/b" }], "DISK_NONE"],
    ["a removable disk", [system, disk("/dev/b", { isRemovable: true })], [wipe], "DISK_NONE"],
    [
      "a copied disk beside it",
      [system, holding(theirs), disk("/dev/c", { filesystems: [{ ...theirs, device: "/dev/c1" }] })],
      [keep],
      "DISK_TWIN",
    ],
  ])("%s", (_name, disks, data, code) => {
    const rest = { match: { serial: "S-a" } };
    expect(findings(disks, data, rest)).toMatchObject([{ code, severity: "error", where: "node1" }]);
    expect(findings(disks, data, rest)[0]?.message).toContain("/srv/");
  });

  test("a copy on the disk that is overwritten does no harm", () => {
    const copied = disk("/dev/a", { filesystems: [{ ...theirs, device: "/dev/a3" }] });
    expect(choose([copied, holding(theirs)], [keep]).kind).toBe("chosen");
  });

  test("what to do is said with the names of this disk", async () => {
    const refusals = [
      ...findings([system, empty], [keep]),
      ...findings([system, holding(theirs, filesystem("/dev/b2", { type: "xfs" }))], [keep]),
    ];
    await expect(refusals.map(show).join("")).toMatchFileSnapshot("cases/data-disks.refusal");
  });
});

describe("a data disk is never the system's", () => {
  test("not even when it is the only one left that fits", () => {
    expect(findings([empty], [wipe])).toMatchObject([
      { code: "DISK_NONE", message: expect.stringContaining("it is the data disk for /srv/data") },
    ]);
  });
  test("nor one that a line fits that fits several", () => {
    const disks = [system, disk("/dev/b"), disk("/dev/c", { serial: "S-b" })];
    const rest = { match: { serial: "S-b" } };
    expect(findings(disks, [wipe], rest).map(({ code }) => code)).toEqual(["DISK_AMBIGUOUS", "DISK_NONE"]);
  });
  test("nor half of a mirror", () => {
    const choice = choose([system, empty, disk("/dev/c")], [wipe], { mirror: { match: {} } });
    expect(choice).toMatchObject({
      kind: "chosen",
      layout: { system: [{ path: "/dev/a" }, { path: "/dev/c" }] },
    });
  });
});

test.each([
  ["/srv/scratch", "data-srv-scratch"],
  ["/srv/with/a/path/that/is/longer/than/a/name", "data-srv-with-a-path-that-is-longer-"],
])("the partition for %s is called %s", (mount, name) => {
  expect(partitionNameOf(mount)).toBe(name);
});

function show({ message, hint }: Finding): string {
  return `${message}\n---\n${hint}\n\n`;
}
