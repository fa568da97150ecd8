/** Reading what a node reports, which is input from the network. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseInventory } from "./parse-inventory.ts";

const text = readFileSync(join(import.meta.dirname, "cases/vm.inventory.json"), "utf8");
const sample = JSON.parse(text);

test("what the agent wrote in a virtual machine is read whole", () => {
  expect(parseInventory(text)).toEqual(sample);
});

test.each<[string, unknown, string]>([
  ["not an object", [], "expected object"],
  ["an unknown member", { ...sample, extra: 1 }, "extra"],
  ["an unknown firmware", { ...sample, firmware: "coreboot" }, "firmware"],
  ["no memory", { ...sample, memoryMiB: 0 }, "memoryMiB"],
  [
    "a disk without a size",
    { ...sample, disks: [{ ...sample.disks[0], bytes: undefined }] },
    "disks.0.bytes",
  ],
  [
    "a path that is more than a path",
    { ...sample, disks: [{ ...sample.disks[0], path: "/dev/vda; reboot" }] },
    "disks.0.path",
  ],
  ["a path that climbs", { ...sample, disks: [{ ...sample.disks[0], path: "/dev/../etc" }] }, "disks.0.path"],
])("%s is refused by name", (_name, value, named) => {
  expect(() => parseInventory(JSON.stringify(value))).toThrow(named);
});

test("text that is not JSON is refused, wherever it is cut off", () => {
  for (let length = 0; length < text.trimEnd().length; length += 7) {
    expect(() => parseInventory(text.slice(0, length))).toThrow("it is not JSON");
  }
});
