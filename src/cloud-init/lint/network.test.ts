/** netplan's part. Each pair is a document without a fault and one change to it. */
import { expect, test } from "vitest";
import { lint, lintPair, machine, type Pair, withNetwork } from "./test-documents.ts";

const aim = { machine };

const pairs: readonly Pair[] = [
  [
    "an address without its prefix length",
    withNetwork,
    "10.20.0.5/24",
    "10.20.0.5",
    "10.20.0.5 is not an address with",
  ],
  ["an address that is none", withNetwork, "10.20.0.5/24", "10.20.0.500/24", "is not an address with"],
  ["a bond of what is not defined", withNetwork, "[eno1, lan]", "[eno1, wan]", "refers to wan"],
  [
    "a parameter that bonds do not have",
    withNetwork,
    "mode:",
    "mod:",
    "unknown key network.bonds.bond0.parameters.mod",
  ],
  ["no version", withNetwork, "    version: 2\n", "", "network.version is missing"],
  ["a device type that is none", withNetwork, "bonds:", "bonding:", "unknown key network.bonding"],
  [
    "a MAC address of digits is a number of base 60",
    withNetwork.replace("b4:45:06:00:10:02", "52:54:00:12:34:56"),
    "'52:54:00:12:34:56'",
    "52:54:00:12:34:56",
    "must be a text, not the number",
  ],
  [
    "a card that the machine does not have",
    withNetwork.replace("[eno1, lan]", "[lan]"),
    "eno1:",
    "eno5:",
    "no card eno5",
    aim,
  ],
  [
    "a MAC address that the machine does not have",
    withNetwork,
    "b4:45:06:00:10:02",
    "b4:45:06:00:10:09",
    "no card of the machine has",
    aim,
  ],
];

test.each(pairs.map((pair) => ({ what: pair[0], pair })))("$what", async ({ pair }) => {
  const { right, wrong } = await lintPair(pair);
  expect(right).toEqual([]);
  expect(wrong.map(({ message }) => message)).toEqual([expect.stringContaining(pair[4])]);
});

test("netplan's own form, with the key once more, is the same", async () => {
  const lines = withNetwork.split("\n");
  const start = lines.indexOf("  network:") + 1;
  const wrapped = [
    ...lines.slice(0, start),
    "    network:",
    ...lines.slice(start).map((line) => (line === "" ? line : `  ${line}`)),
  ].join("\n");
  expect(await lint(wrapped, aim)).toEqual([]);
  expect(await lint(wrapped.replace("dhcp4", "dchp4"))).toMatchObject([
    { message: expect.stringContaining("unknown key network.network.ethernets.lan.dchp4") },
  ]);
});
