import { describe, expect, test } from "vitest";
import type { Image } from "./manifest.ts";
import { bytesFreed, findSuperfluous, type PruneRule } from "./plan-prune.ts";

const now = new Date("2026-06-30T00:00:00Z");
const day = 86_400_000;

function image(
  id: string,
  planKey: string,
  ageDays: number,
  artefacts: Record<string, number> = {},
  kind = "golden",
): Image {
  return {
    id,
    manifest: {
      kind,
      planKey,
      createdAt: new Date(now.getTime() - ageDays * day).toISOString(),
      artefacts: Object.entries(artefacts).map(([sha256, bytes]) => ({ name: "x", sha256, bytes })),
    } as unknown as Image["manifest"],
  };
}

describe("what is superfluous", () => {
  const images = [image("a3", "a", 1), image("b1", "b", 5), image("a2", "a", 10), image("a1", "a", 100)];
  const rule = (keep: number, days: number): PruneRule => ({ keep, olderThanMs: days * day, now });
  test.each([
    ["of each plan the newest stay", rule(2, 1000), ["a1 superseded"]],
    ["one of each", rule(1, 1000), ["a2 superseded", "a1 superseded"]],
    ["the old ones go, whatever their number", rule(9, 7), ["a2 old", "a1 old"]],
    ["a day is not older than itself", rule(9, 100), []],
  ])("%s", (_name, given, expected) => {
    const found = findSuperfluous(images, given);
    expect(found.map(({ image: { id }, reason }) => `${id} ${reason}`)).toEqual(expected);
  });
});

test("an installer is superseded, but never too old", () => {
  const images = [image("i3", "i", 400, {}, "installer"), image("i2", "i", 500, {}, "installer")];
  const found = (keep: number) => findSuperfluous(images, { keep, olderThanMs: day, now });
  expect(found(2)).toEqual([]);
  expect(found(1).map(({ image: { id }, reason }) => `${id} ${reason}`)).toEqual(["i2 superseded"]);
});

test("only what no other image has becomes free, and once", () => {
  const images = [
    image("a", "a", 1, { root1: 100, kernel: 7 }),
    image("b", "a", 2, { root2: 50, kernel: 7 }),
    image("c", "a", 3, { root2: 50, kernel: 7 }),
  ];
  expect(bytesFreed(images, images.slice(1))).toBe(50);
  expect(bytesFreed(images, images.slice(2))).toBe(0);
  expect(bytesFreed(images, images)).toBe(157);
});
