import { expect, test } from "vitest";
import { formatBytes, formatCount, formatMinute, formatSeconds, parseDuration } from "./quantity.ts";

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1_000, "1.0 kB"],
  [1_536_000, "1.5 MB"],
  [342_000_000_000, "342 GB"],
  [999_999, "1.0 MB"],
])("%d bytes read as %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.each([
  [0.04, "0.0 s"],
  [4.21, "4.2 s"],
  [9.96, "10 s"],
  [75, "75 s"],
  [725, "12 min 5 s"],
  [7_200, "2 h 0 min"],
])("%d seconds read as %s", (seconds, text) => {
  expect(formatSeconds(seconds)).toBe(text);
});

test.each([
  ["90s", 90],
  ["30m", 1_800],
  ["2h", 7_200],
  ["1d", 86_400],
])("%s is %d seconds", (text, seconds) => {
  expect(parseDuration(text)).toBe(seconds);
});

test.each(["", "2", "h", "-2h", "0s", "2 h", "2h30m", "9999999h"])("%j is no duration", (text) => {
  expect(() => parseDuration(text)).toThrow("not a duration");
});

test("one is one, and all else are several", () => {
  expect([0, 1, 2].map((number) => formatCount(number, "node"))).toEqual(["0 nodes", "1 node", "2 nodes"]);
});

test("a time reads to the minute, and says whose clock it is", () => {
  expect(formatMinute("2026-11-29T14:20:31.123Z")).toBe("2026-11-29 14:20 UTC");
});
