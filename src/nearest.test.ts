/** "Did you mean": near names are suggested, far ones are not. */
import { expect, test } from "vitest";
import { hintForName, nearestOf } from "./nearest.ts";

const names = ["network", "nodes", "users", "groups", "mac"];

test.each([
  ["a letter too many", "nodees", "nodes"],
  ["a letter missing", "grups", "groups"],
  ["two letters swapped", "netwrok", "network"],
  ["another case", "Users", "users"],
  ["a short word", "amc", "mac"],
  ["nothing near", "firmware", undefined],
  ["nothing at all", "", undefined],
])("%s", (_name, word, expected) => {
  expect(nearestOf(word, names)).toBe(expected);
});

test("the nearest of several wins", () => {
  expect(nearestOf("node11", ["node2", "node1", "node111x"])).toBe("node1");
});

test("where nothing is near, the hint lists what there is", () => {
  expect(hintForName("zzzzzz", ["a", "b"])).toBe("Known here: a, b");
});
