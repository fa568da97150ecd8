import { expect, test } from "vitest";
import { labDisks } from "./lab-disks.ts";
import { blankDiskBytes } from "./machine-lab.ts";

const gib = 1024 ** 3;

test("an empty policy gets the one blank disk", () => {
  expect(labDisks("node1", { match: {} }, "uefi-x64")).toEqual([{ bytes: blankDiskBytes, bus: "nvme" }]);
});

test("a disk has the size and the serial number that the policy looks for", () => {
  const match = { serial: "*S64HNE?1*", minBytes: 900 * gib };
  expect(labDisks("node1", { match }, "bios-x86")).toEqual([
    { bytes: 900 * gib, bus: "virtio", serial: "S64HNEx1" },
  ]);
  expect(labDisks("node1", { match: { maxBytes: 8 * gib } }, "uefi-x64")[0]?.bytes).toBe(8 * gib);
});

test("a mirror is a second disk", () => {
  const policy = { match: { serial: "A*" }, mirror: { match: { serial: "B*" } } };
  expect(labDisks("node1", policy, "uefi-x64").map(({ serial }) => serial)).toEqual(["A", "B"]);
});

test("what no emulated disk has is refused with the way around it", () => {
  expect(() => labDisks("node1", { match: { model: "SAMSUNG*" } }, "uefi-x64")).toThrow(
    expect.objectContaining({
      code: "LAB_DISK_IMPOSSIBLE",
      hint: expect.stringContaining("--level namespaces"),
    }),
  );
});
