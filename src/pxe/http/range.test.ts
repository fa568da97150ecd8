import { expect, test } from "vitest";
import { parseRange, type WantedRange } from "./range.ts";

const part = (first: number, last: number): WantedRange => ({ kind: "part", first, last });
const whole: WantedRange = { kind: "whole" };
const unsatisfiable: WantedRange = { kind: "unsatisfiable" };

/** RFC 9110 section 14.1.2 has these for a representation of 10 000 bytes, among others. */
test.each<[string | undefined, number, WantedRange]>([
  [undefined, 100, whole],
  ["bytes=0-499", 10_000, part(0, 499)],
  ["bytes=500-999", 10_000, part(500, 999)],
  ["bytes=-500", 10_000, part(9_500, 9_999)],
  ["bytes=9500-", 10_000, part(9_500, 9_999)],
  ["bytes=0-0", 10_000, part(0, 0)],
  ["bytes=0-", 10_000, part(0, 9_999)],
  ["bytes=5-99999", 100, part(5, 99)],
  ["bytes=-99999", 100, part(0, 99)],
  ["bytes=100-", 100, unsatisfiable],
  ["bytes=100-200", 100, unsatisfiable],
  ["bytes=-0", 100, unsatisfiable],
  ["bytes=0-", 0, unsatisfiable],
  ["bytes=-5", 0, unsatisfiable],
  ["bytes=0-0,-1", 100, whole],
  ["bytes=9-5", 100, whole],
  ["bytes=-", 100, whole],
  ["bytes=a-b", 100, whole],
  ["bytes=1.5-2", 100, whole],
  ["bytes=0x1-2", 100, whole],
  ["lines=1-2", 100, whole],
  ["bytes=99999999999999999999-", 100, whole],
  [" bytes=1-2 ", 100, part(1, 2)],
])("%j of %i bytes", (header, size, expected) => {
  expect(parseRange(header, size)).toEqual(expected);
});
