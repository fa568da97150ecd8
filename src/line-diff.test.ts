import { expect, test } from "vitest";
import { lineDiff } from "./line-diff.ts";

const numbers = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_unused, index) => `${from + index}\n`).join("");

test("equal texts have no difference", () => {
  expect(lineDiff("a\n", "a\n", "f")).toBe("");
});
test("one changed line stands between three lines of context", () => {
  const before = numbers(1, 10);
  expect(lineDiff(before, before.replace("5\n", "five\n"), "f")).toBe(
    "--- f\n+++ f\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n",
  );
});
test("a removed line at the start", () => {
  expect(lineDiff("a\nb\n", "b\n", "f")).toBe("--- f\n+++ f\n@@ -1,2 +1,1 @@\n-a\n b\n");
});
test("an added line at the end", () => {
  expect(lineDiff("a\n", "a\nb\n", "f")).toBe("--- f\n+++ f\n@@ -1,1 +1,2 @@\n a\n+b\n");
});
