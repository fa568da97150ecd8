/** Which disks hold the system: exactly those that are meant, or a refusal by name. */
import { describe, expect, test } from "vitest";
import type { DiskMatch } from "../cluster/config.ts";
import type { Finding } from "../errors.ts";
import type { Disk } from "../plan/inventory.ts";
import { chooseDisks } from "./disk-policy.ts";
import { matchesGlob } from "./judge-disk.ts";
import { disk, gibibyte } from "./test-disks.ts";

const required = 4 * gibibyte;

function choose(disks: readonly Disk[], match: DiskMatch = {}) {
  const choice = chooseDisks("node1", disks, { match }, required);
  return choice.kind === "chosen"
    ? { kind: choice.kind, disk: choice.layout.system[0] }
    : { kind: choice.kind, finding: choice.findings[0] as Finding };
}

describe("the only fit disk is chosen", () => {
  test.each<[string, readonly Disk[], DiskMatch]>([
    ["there is one disk", [disk("/dev/a")], {}],
    ["the other one is removable", [disk("/dev/a"), disk("/dev/b", { isRemovable: true })], {}],
    ["the other one is read-only", [disk("/dev/a"), disk("/dev/b", { isReadOnly: true })], {}],
    ["the other one is on USB", [disk("/dev/a"), disk("/dev/b", { transport: "usb" })], {}],
    ["the other one is one byte too small", [disk("/dev/a"), disk("/dev/b", { bytes: required - 1 })], {}],
    ["it is exactly large enough", [disk("/dev/a", { bytes: required })], {}],
    ["it holds data already", [disk("/dev/a", { signatures: ["LVM2_member"] })], {}],
    ["its serial is named", [disk("/dev/b"), disk("/dev/a")], { serial: "S-a" }],
    ["its serial fits a glob", [disk("/dev/b"), disk("/dev/a")], { serial: "*a" }],
    ["its model fits", [disk("/dev/b"), disk("/dev/a", { model: "Micron 7450" })], { model: "Micron*" }],
    ["one of its paths fits", [disk("/dev/b"), disk("/dev/a", { idPaths: ["x", "y"] })], { idPath: "y" }],
    ["its wwn fits", [disk("/dev/b"), disk("/dev/a")], { wwn: "eui.?", serial: "S-a" }],
    [
      "only it is that large",
      [disk("/dev/b"), disk("/dev/a", { bytes: 500 * gibibyte })],
      { minBytes: 101 * gibibyte },
    ],
    [
      "only it is that small",
      [disk("/dev/b"), disk("/dev/a", { bytes: 50 * gibibyte })],
      { maxBytes: 50 * gibibyte },
    ],
  ])("%s", (_name, disks, match) => {
    expect(choose(disks, match)).toMatchObject({ kind: "chosen", disk: { path: "/dev/a" } });
  });
});

describe("everything else is a refusal", () => {
  test.each<[string, readonly Disk[], DiskMatch, string]>([
    ["two candidates", [disk("/dev/a"), disk("/dev/b")], {}, "DISK_AMBIGUOUS"],
    [
      "two that match",
      [disk("/dev/a"), disk("/dev/b"), disk("/dev/c", { model: "x" })],
      { model: "Sam*" },
      "DISK_AMBIGUOUS",
    ],
    ["no disk", [], {}, "DISK_NONE"],
    ["none that matches", [disk("/dev/a")], { serial: "other" }, "DISK_NONE"],
    [
      "a match does not make a removable disk fit",
      [disk("/dev/a", { isRemovable: true })],
      { serial: "S-a" },
      "DISK_NONE",
    ],
    [
      "a match does not make a small disk fit",
      [disk("/dev/a", { bytes: 1 })],
      { serial: "S-a" },
      "DISK_NONE",
    ],
    [
      "a disk without a serial does not match a serial",
      [disk("/dev/a", { serial: "" })],
      { serial: "?*" },
      "DISK_NONE",
    ],
    ["letters count as written", [disk("/dev/a")], { serial: "s-A" }, "DISK_NONE"],
  ])("%s", (_name, disks, match, code) => {
    expect(choose(disks, match)).toMatchObject({ kind: "refused", finding: { code, severity: "error" } });
  });

  test("every disk is named with size, model, serial, contents and verdict, and the line to write", async () => {
    const refused = choose([
      disk("/dev/nvme0n1", { signatures: ["gpt", "ext4"] }),
      disk("/dev/nvme1n1", { serial: 'odd "serial"' }),
      disk("/dev/sda", { transport: "usb", model: "", serial: "", bytes: 15.5 * gibibyte }),
      disk("/dev/sdb", { bytes: 1024 }),
    ]);
    if (refused.kind !== "refused") throw new Error("expected a refusal");
    await expect(`${refused.finding.message}\n---\n${refused.finding.hint}\n`).toMatchFileSnapshot(
      "cases/two-candidates.refusal",
    );
  });

  test("a match that fits nothing shows what it would take", async () => {
    const refused = choose([disk("/dev/sda"), disk("/dev/sdb", { isReadOnly: true })], { serial: "gone" });
    if (refused.kind !== "refused") throw new Error("expected a refusal");
    await expect(`${refused.finding.message}\n---\n${refused.finding.hint}\n`).toMatchFileSnapshot(
      "cases/no-match.refusal",
    );
  });

  test.each<[string, Partial<Disk>, string]>([
    ["the serials are equal: by wwn", { serial: "same" }, '{wwn: "eui.a"}'],
    ["no serial, no wwn: by path", { serial: "", wwn: "" }, '{idPath: "pci-0000:01:00.0-a"}'],
  ])("%s", (_name, changes, match) => {
    const refused = choose([disk("/dev/a", changes), disk("/dev/b", changes)]);
    expect(refused).toMatchObject({ finding: { hint: expect.stringContaining(`disk: {match: ${match}}`) } });
  });

  test("nothing but the size tells them apart: by size", () => {
    const bare = { serial: "", wwn: "", idPaths: [] };
    const refused = choose([disk("/dev/a", { ...bare, bytes: required + 1 }), disk("/dev/b", bare)]);
    expect(refused).toMatchObject({
      finding: { hint: expect.stringContaining(`{minSize: ${required + 1}, maxSize: ${required + 1}}`) },
    });
  });
});

test("each line of the hint, once written, chooses its disk", () => {
  const disks = [disk("/dev/a"), disk("/dev/b")];
  const refused = choose(disks);
  if (refused.kind !== "refused") throw new Error("expected a refusal");
  const serials = [...refused.finding.hint.matchAll(/serial: ("[^"]+")/g)].map((found) =>
    JSON.parse(found[1] ?? ""),
  );
  expect(serials.map((serial) => choose(disks, { serial }))).toMatchObject([
    { kind: "chosen", disk: { path: "/dev/a" } },
    { kind: "chosen", disk: { path: "/dev/b" } },
  ]);
});

describe("a mirror takes two disks", () => {
  const mirror = (disks: readonly Disk[], match: DiskMatch, other: DiskMatch) => {
    const choice = chooseDisks("node1", disks, { match, mirror: { match: other } }, required);
    return choice.kind === "chosen" ? choice.layout.system.map(({ path }) => path) : choice.findings;
  };
  const a = disk("/dev/a");
  const b = disk("/dev/b");
  const c = disk("/dev/c", { model: "Micron 7450" });

  test.each<[string, readonly Disk[], DiskMatch, DiskMatch, readonly string[]]>([
    ["the only two that there are", [a, b], {}, {}, ["/dev/a", "/dev/b"]],
    ["the two that both lines fit", [c, b, a], { model: "Sam*" }, { model: "Sam*" }, ["/dev/b", "/dev/a"]],
    ["one by each line", [a, b, c], { serial: "S-c" }, { serial: "S-a" }, ["/dev/c", "/dev/a"]],
    ["one line names one, the other leaves one", [a, b], {}, { serial: "S-a" }, ["/dev/b", "/dev/a"]],
  ])("%s", (_name, disks, match, other, expected) => {
    expect(mirror(disks, match, other)).toEqual(expected);
  });

  test.each<[string, readonly Disk[], DiskMatch, DiskMatch, string]>([
    ["three that could be", [a, b, c], {}, {}, "DISK_AMBIGUOUS"],
    ["two that could be the second", [a, b, c], { serial: "S-a" }, {}, "DISK_AMBIGUOUS"],
    ["one disk", [a], {}, {}, "DISK_NONE"],
    ["both lines fit the same one disk", [a, b], { serial: "S-a" }, { serial: "S-a" }, "DISK_NONE"],
    ["the second is too small", [a, { ...b, bytes: required - 1 }], {}, {}, "DISK_NONE"],
  ])("refused: %s", (_name, disks, match, other, code) => {
    expect(mirror(disks, match, other)).toMatchObject([{ code, severity: "error" }]);
  });

  test("a refusal names every disk and how to choose", async () => {
    const [finding] = mirror([a, b, c], {}, {}) as readonly Finding[];
    await expect(`${finding?.message}\n---\n${finding?.hint}\n`).toMatchFileSnapshot(
      "cases/three-for-a-mirror.refusal",
    );
  });
});

test.each([
  ["*", "", true],
  ["a*c", "abbbc", true],
  ["a?c", "abc", true],
  ["a?c", "ac", false],
  ["a.c", "abc", false],
  ["[a]+", "[a]+", true],
  ["WD-*", "XWD-1", false],
  ["*", "two\nlines", true],
])("the glob %j against %j is %s", (glob, value, expected) => {
  expect(matchesGlob(glob, value)).toBe(expected);
});
