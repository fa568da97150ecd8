/** Sizes: as on a disk's label, or as memory is counted. */
import { expect, test } from "vitest";
import { parseSize } from "./size.ts";

test.each([
  ["900GB", 900e9],
  ["1TB", 1e12],
  ["1.92 TB", 1.92e12],
  ["512GiB", 512 * 2 ** 30],
  ["4kB", 4000],
  ["123", 123],
  [4096, 4096],
  ["0", undefined],
  ["-1GB", undefined],
  ["1gb", undefined],
  ["GB", undefined],
  ["1 G B", undefined],
  ["1e3", undefined],
  ["10000000TB", undefined],
  [Number.NaN, undefined],
])("%s is %s bytes", (size, bytes) => {
  expect(parseSize(size)).toBe(bytes);
});
