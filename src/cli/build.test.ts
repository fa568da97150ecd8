/** What `imagectl build` says: while a step runs, and in the end the way from an image to a node. */
import { expect, test, vi } from "vitest";
import type { Finding } from "../errors.ts";
import { describeNext } from "./build.ts";
import { showText } from "./build-display.ts";
import { captureIo } from "./test-run.ts";

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

test("on a terminal the line of a long step shows how much of it is done, and goes when it is over", () => {
  vi.useFakeTimers();
  try {
    const { io, said } = captureIo({ isTty: true });
    const { event, end } = showText(io);
    const step = { image: "x", index: 2, total: 4, step: "compare its SHA-256" };
    event({ kind: "step-started", ...step });
    event({ kind: "step-progress", ...step, percent: 42 });
    vi.advanceTimersByTime(1_000);
    expect(said.stderr.split("\r").at(-1)).toBe(
      "  2/4  compare its SHA-256                   1.0 s  42 %\x1b[K",
    );
    event({ kind: "step-finished", ...step, seconds: 2, result: "as signed" });
    end();
    expect(said.stderr.split("\r").at(-1)).toBe(
      "\x1b[K  2/4  compare its SHA-256                   2.0 s  as signed\n",
    );
  } finally {
    vi.useRealTimers();
  }
});
