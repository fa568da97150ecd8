/** What `imagectl build` says in the end: the way from an image to a node. */
import { expect, test } from "vitest";
import type { Finding } from "../errors.ts";
import { describeNext } from "./build.ts";

const lack = (where: string): Finding => ({
  code: "SECRET_MISSING",
  where,
  message: "its secret was not made yet",
  hint: `Make it: make ${where}`,
  severity: "error",
});
const next = "Next: sudo imagectl serve, in a window of its own; then: sudo imagectl arm NODE\n";

test.each([
  ["nothing is missing", [], next],
  [
    "one node lacks its secret",
    [lack("node1")],
    `node1: its secret was not made yet. Make it: make node1\n${next}`,
  ],
  [
    "several do",
    [lack("node1"), lack("node2"), lack("node3")],
    `node1: its secret was not made yet (and so for 2 others). Make it: make node1\n${next}`,
  ],
])("%s", (_name, missing, text) => {
  expect(describeNext(missing)).toBe(text);
});
