import { expect, test } from "vitest";
import type { EventBody, NodeEvent } from "../nodes/event.ts";
import { eventLogger } from "./event-log.ts";

function logged(...entries: [seconds: number, node: string, body: EventBody][]): string[] {
  const lines: string[] = [];
  const log = eventLogger((subject, text, level) => lines.push(`${level} ${subject} ${text}`));
  for (const [seconds, node, body] of entries) {
    const at = new Date(Date.parse("2026-05-04T10:00:00Z") + seconds * 1000).toISOString();
    log({ id: 1, attempt: 1, node, at, body } satisfies NodeEvent);
  }
  return lines;
}

const started: EventBody = { kind: "step-started", index: 6, total: 11, step: "stream-root" };
const progress = (bytes: number): EventBody => ({
  kind: "step-progress",
  index: 6,
  bytes,
  totalBytes: 100,
  bytesPerSecond: 1,
});

test("progress is told every ten seconds per node", () => {
  const lines = logged(
    [0, "node1", started],
    [1, "node1", progress(1)],
    [2, "node2", progress(2)],
    [9, "node1", progress(9)],
    [10, "node1", progress(10)],
    [12, "node1", progress(12)],
  );
  expect(lines).toEqual([
    "info node1 step 6/11: stream-root",
    "info node2 step 6: 2 B of 100 B, 1 B/s",
    "info node1 step 6: 10 B of 100 B, 1 B/s",
  ]);
});

test("quick steps end silently, long ones say how long they took", () => {
  expect(
    logged(
      [0, "node1", { kind: "step-finished", index: 1, seconds: 0.2 }],
      [1, "node1", { kind: "step-finished", index: 6, seconds: 34 }],
    ),
  ).toEqual(["info node1 step 6 done in 34 s"]);
});

test("what needs a person is an error, what is worth a look a warning", () => {
  const lines = logged(
    [0, "node1", { kind: "step-failed", index: 6, exitCode: 28, logTail: "timed out" }],
    [1, "node1", { kind: "attempt-failed", cause: { message: "late", hint: "again" } }],
    [2, "node1", { kind: "verify-finished", green: 1, red: 1, notApplicable: 0, isReady: false }],
    [3, "node1", { kind: "verify-finished", green: 2, red: 0, notApplicable: 0, isReady: true }],
    [4, "node1", { kind: "stage-overdue", stage: "armed", seconds: 300 }],
    [5, "node1", { kind: "installer-report", stage: "partitioning", text: "configuring storage" }],
    [6, "node1", { kind: "installer-report", failure: "subiquity/Late/run", text: "", isFinal: true }],
  );
  const levels = lines.map((line) => line.split(" ")[0]);
  expect(levels).toEqual(["warning", "error", "error", "info", "info", "warning"]);
});
