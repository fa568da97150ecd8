/** Disks, layouts and actions. Each pair is a document without a fault and one change to it. */
import { expect, test } from "vitest";
import { shellPattern } from "./match.ts";
import { readSize } from "./size.ts";
import { custom, customBios, lint, lintPair, machine, type Pair, plain, volumes } from "./test-documents.ts";

const withMachine = { machine };
const uefi = { firmware: "uefi" } as const;
const bios = { firmware: "bios" } as const;
const match = 'match: {serial: "*BOOT0001*"}';

const pairs: readonly Pair[] = [
  [
    "an unknown layout",
    plain,
    "name: lvm",
    "name: lwm",
    "there is no layout lwm: the installer takes direct",
  ],
  ["no disk is chosen", plain, `      ${match}\n`, "", "takes the largest disk"],
  [
    "no disk is chosen, of a known machine",
    plain,
    `      ${match}\n`,
    "",
    "the largest of its 3 disks, /dev/nvme0n1 (ACME_DATA_4T_DATA0001_1, 4.0 TB)",
    withMachine,
  ],
  ["a key that match does not have", plain, "serial:", "wwn:", "unknown key storage.layout.match.wwn"],
  [
    "a key that an action's match does not have",
    custom,
    "match: {serial",
    "match: {wwn",
    "unknown key storage.config[0].match.wwn",
  ],
  ["a serial number without stars", plain, "*BOOT0001*", "BOOT0001", "compared with all of ID_SERIAL"],
  [
    "a match that fits two disks",
    plain,
    'serial: "*BOOT0001*"',
    'model: "ACME BOOT*"',
    "storage.layout matches 2 disks",
    withMachine,
  ],
  [
    "an action's match that fits two disks",
    custom,
    'serial: "*BOOT0001*"',
    'model: "ACME BOOT*"',
    "storage.config[0] matches 2 disks",
    withMachine,
  ],
  [
    "patterns tell upper from lower case",
    plain,
    "*BOOT0001*",
    "*boot0001*",
    "storage.layout matches no disk",
    withMachine,
  ],
  [
    "a serial number of an action is all of ID_SERIAL",
    custom.replace(match, "serial: ACME_BOOT_960G_BOOT0001_1"),
    "ACME_BOOT_960G_BOOT0001_1",
    "BOOT0001",
    "storage.config[0] matches no disk",
    withMachine,
  ],
  [
    "a path that the machine does not have",
    custom.replace(match, "path: /dev/nvme1n1"),
    "/dev/nvme1n1",
    "/dev/sda",
    "storage.config[0] matches no disk",
    withMachine,
  ],
  [
    "one disk for two actions",
    custom.replace(
      "      - {type: partition",
      '      - {type: disk, id: disk1, match: {serial: "*BOOT0002*"}}\n      - {type: partition',
    ),
    "BOOT0002",
    "BOOT0001",
    "an action before it has taken the only disk that fits",
    withMachine,
  ],
  [
    "a recovery key without a password",
    plain.replace("name: lvm", "name: lvm\n      password: secret\n      recovery-key: true"),
    "      password: secret\n",
    "",
    "recovery-key needs a password",
  ],
  [
    "layout beside config",
    custom,
    "    config:",
    "    layout: {name: lvm, match: {}}\n    config:",
    "is ignored",
  ],
  [
    "neither layout nor config",
    plain,
    /layout:(\n {6}.*)+/.exec(plain)?.[0] ?? "",
    "swap: {size: 0}",
    "storage has neither layout nor config",
  ],
  ["a disk that is any disk", custom, `${match}, `, "", "does not say which disk it is"],
  [
    "a key with a dash",
    custom,
    "flag: boot, grub_device",
    "flag: boot, wipee: zero, grub_device",
    "has no wipee",
  ],
  ["a type that is none", custom, "type: disk", "type: disc", "no action of type disc"],
  ["a flag that is none", custom, "flag: boot", "flag: esp", "flag cannot be esp"],
  ["a file system that is none", custom, "fstype: ext4", "fstype: ext5", "fstype cannot be ext5"],
  ["an id twice", custom, "id: root-mount", "id: esp-mount", "two actions have the id esp-mount"],
  ["a mount of a partition", custom, "device: root-fs", "device: root", "an action of type partition"],
  [
    "a mount of nothing",
    custom,
    "device: root-fs, ",
    "",
    "(mount) lacks device: it is mounted without a device",
  ],
  ["a format of nothing", custom, "volume: root, ", "", "(format) lacks volume"],
  ["nothing at /", custom, "path: /}", "path: /srv}", "nothing is mounted at /"],
  [
    "the rest before the others",
    custom
      .replace("size: -1}", "size: -1}\n      - {type: partition, id: b, device: disk1, size: 1G}")
      .replace(
        "      - {type: partition, id: esp",
        '      - {type: disk, id: disk1, match: {serial: "*BOOT0002*"}}\n      - {type: partition, id: esp',
      ),
    "device: disk1, size",
    "device: disk0, size",
    "takes the rest (size: -1), and others of its device come after it",
  ],
  ["a size with a unit too many", custom, "size: 1G", "size: 1GiB", "is no size that the installer reads"],
  ["the rest in quotes", custom, "size: -1", 'size: "-1"', "is no size that the installer reads"],
  [
    "all of the disk for another",
    custom,
    "size: 1G",
    "size: 100%",
    "nothing is left of /dev/nvme1n1",
    withMachine,
  ],
  ["volumes larger than their group", volumes, "500G", "900G", "966 GB are wanted of vg (", withMachine],
  ["an ESP that GRUB is not told of", custom, ", grub_device: true", "", "without grub_device: true"],
  ["an ESP without its flag", custom, " flag: boot,", "", "firmware does not look into it"],
  ["an ESP that is no FAT", custom, "fat32", "ext4", "firmware reads only FAT"],
  ["an ESP that is not mounted", custom, "path: /boot/efi", "path: /boot", "no EFI system partition", uefi],
  ["a BIOS disk without GRUB", customBios, ", grub_device: true", "", "no disk has grub_device: true", bios],
  [
    "a GPT without room for GRUB",
    customBios,
    "flag: bios_grub",
    "flag: linux",
    "a GPT without a partition for GRUB's core",
    bios,
  ],
];

test.each(pairs.map((pair) => ({ what: pair[0], pair })))("$what", async ({ pair }) => {
  const { right, wrong } = await lintPair(pair);
  expect(right).toEqual([]);
  expect(wrong.map(({ message }) => message)).toEqual([expect.stringContaining(pair[4])]);
  expect(wrong[0]?.hint).not.toBe("");
});

test("an action that comes too early names the one to move", async () => {
  const [disk = "", ...others] = custom.split("\n").filter((line) => line.includes("- {type"));
  const text = custom.replace(/ {6}- [\s\S]*/, `${[others[0], disk, ...others.slice(1)].join("\n")}\n`);
  expect(await lint(text)).toMatchObject([
    { code: "REFERENCE_UNKNOWN", hint: "Move the action with id: disk0 above this one." },
  ]);
});

test("without --firmware a disk for BIOS alone is a warning, and one for UEFI is none", async () => {
  expect(await lint(customBios)).toMatchObject([{ code: "BOOT_PARTITION_MISSING", severity: "warning" }]);
  expect(await lint(custom)).toEqual([]);
  expect(await lint(customBios, uefi)).toMatchObject([{ severity: "error" }]);
});

test("the first match of a list that fits is taken", async () => {
  const ordered = plain.replace(match, 'match: [{serial: "*BOOT0009*"}, {path: /dev/nvme1n1}]');
  expect(await lint(ordered, withMachine)).toEqual([]);
  expect(await lint(ordered.replace("nvme1n1", "sda"), withMachine)).toMatchObject([{ code: "DISK_NONE" }]);
});

test("a machine with one disk needs no match", async () => {
  const text = plain.replace(`      ${match}\n`, "");
  expect(await lint(text, { machine: { ...machine, disks: machine.disks.slice(0, 1) } })).toEqual([]);
});

test.each([
  ["*BOOT*", "ACME_BOOT_1", true],
  ["ACME_????_1", "ACME_BOOT_1", true],
  ["ACME_[AB]OOT_1", "ACME_BOOT_1", true],
  ["ACME_[!B]OOT_1", "ACME_BOOT_1", false],
  ["BOOT", "ACME_BOOT_1", false],
  ["a.c", "abc", false],
  ["a+(b)", "a+(b)", true],
  ["[", "[", true],
])("the pattern %s on %s: %s, as fnmatchcase says", (pattern, text, isMatch) => {
  expect(shellPattern(pattern).test(text)).toBe(isMatch);
});

test.each([
  [1024, { kind: "bytes", bytes: 1024 }],
  ["1k", { kind: "bytes", bytes: 1024 }],
  ["1.5G", { kind: "bytes", bytes: 1.5 * 2 ** 30 }],
  ["512B", { kind: "bytes", bytes: 512 }],
  ["50%", { kind: "share", percent: 50 }],
  [-1, { kind: "rest" }],
  ["1GB", undefined],
  ["50.5%", undefined],
  ["", undefined],
  [0, undefined],
  [-2, undefined],
  [null, undefined],
])("the size %j", (value, expected) => {
  expect(readSize(value)).toEqual(expected);
});
