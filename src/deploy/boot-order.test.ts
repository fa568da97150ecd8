/** Which UEFI entries the node deletes and in which order it leaves them: templates/deploy/imagectl/boot-order.awk. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { packageRoot } from "../paths.ts";

const script = join(packageRoot, "templates/deploy/imagectl/boot-order.awk");

function awk(variables: Readonly<Record<string, string>>, input: string): string {
  const words = Object.entries(variables).flatMap(([name, value]) => ["-v", `${name}=${value}`]);
  return execFileSync("awk", [...words, "-f", script], { input, encoding: "utf8" }).trim();
}

const dead = (input: string, partitions: string) =>
  awk({ wanted: "dead", label: "imagectl", partitions }, input)
    .split("\n")
    .filter((line) => line !== "");
const order = (input: string) => awk({ wanted: "order", label: "imagectl", mac: "525400770011" }, input);

const disk =
  "HD(2,GPT,5DDF6AE0-1111-4444-8888-0123456789AB,0x1000,0x100000)/File(\\EFI\\debian\\shimx64.efi)";
const card = "PciRoot(0x0)/Pci(0x2,0x0)/MAC(525400770011,1)";
const other = "PciRoot(0x0)/Pci(0x3,0x0)/MAC(525400000099,1)";

/** As efibootmgr 17 writes it with --verbose. */
function entries(current: string, listed: string, ...lines: readonly string[]): string {
  return [`BootCurrent: ${current}`, "Timeout: 3 seconds", `BootOrder: ${listed}`, ...lines, ""].join("\n");
}

test.each<[string, string, string]>([
  [
    "the card that this boot came by is first",
    entries(
      "0003",
      "0001,0002,0003",
      `Boot0001* imagectl\t${disk}`,
      `Boot0002* PXE\t${card}/IPv4(0.0.0.0)`,
      `Boot0003* PXE2\t${other}/IPv4(0.0.0.0)`,
    ),
    "0003,0001,0002",
  ],
  [
    "booted by something else: IPv4 of the node's own card is first",
    entries(
      "0001",
      "0001,0002,0003,0004",
      `Boot0001* DVD\tPciRoot(0x0)/Sata(0,0)`,
      `Boot0002* v6\t${card}/IPv6([::])`,
      `Boot0003* http\t${card}/IPv4(0.0.0.0)/Uri()`,
      `Boot0004* v4\t${card}/IPv4(0.0.0.0)`,
      `Boot0009* imagectl\t${disk}`,
    ),
    "0004,0009,0001,0002,0003",
  ],
  [
    "any network entry is better than none",
    entries(
      "0001",
      "0001,0002",
      "Boot0001* DVD\tPciRoot(0x0)",
      `Boot0002* v4\t${other}/IPv4(0.0.0.0)`,
      `Boot000A* imagectl\t${disk}`,
    ),
    "0002,000A,0001",
  ],
  [
    "no network entry at all: our disk is first",
    entries("0001", "0001", "Boot0001* DVD\tPciRoot(0x0)", `Boot000A* imagectl\t${disk}`),
    "000A,0001",
  ],
  [
    "a listed entry that does not exist is left out",
    entries("0001", "0001,0007", `Boot0001* v4\t${card}/IPv4(0.0.0.0)`, `Boot000A imagectl\t${disk}`),
    "0001,000A",
  ],
])("order: %s", (_name, input, expected) => {
  expect(order(input)).toBe(expected);
});

test.each<[string, string, string, readonly string[]]>([
  [
    "entries of ours are dead, active or not",
    entries(
      "0001",
      "0001",
      `Boot0001* imagectl\t${disk}`,
      `Boot0002 imagectl\t${disk}`,
      "Boot0003* imagectl-2\tPciRoot(0x0)",
    ),
    "5ddf6ae0-1111-4444-8888-0123456789ab",
    ["0001", "0002"],
  ],
  [
    "an entry whose partition is on no disk any more is dead",
    entries("0001", "0001", `Boot0001* debian\t${disk}`, `Boot0002* v4\t${card}/IPv4(0.0.0.0)`),
    "aaaaaaaa-1111-4444-8888-0123456789ab",
    ["0001"],
  ],
  [
    "an entry whose partition is there stays, whatever the case of its letters",
    entries("0001", "0001", `Boot0001* debian\t${disk}`),
    "x 5ddf6ae0-1111-4444-8888-0123456789ab y",
    [],
  ],
])("dead: %s", (_name, input, partitions, expected) => {
  expect(dead(input, partitions)).toEqual(expected);
});
