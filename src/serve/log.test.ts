import { expect, test } from "vitest";
import { createLog, quieted } from "./log.ts";

const noon = new Date(2026, 4, 4, 12, 0, 5);

test("a line says when, who and what", () => {
  const lines: string[] = [];
  const log = createLog({ format: "text", write: (line) => lines.push(line), now: () => noon });
  log("node1", "armed");
  log("serve", "another DHCP server appeared", "warning");
  expect(lines).toEqual([
    "12:00:05  node1         armed\n",
    "12:00:05  serve         warning: another DHCP server appeared\n",
  ]);
});

test("as JSON it has the same, and one line stays one line", () => {
  const lines: string[] = [];
  const log = createLog({ format: "json", write: (line) => lines.push(line), now: () => noon });
  log("node1", "two\nlines \u001b[31m");
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] as string)).toEqual({
    at: noon.toISOString(),
    level: "info",
    subject: "node1",
    message: "two lines ?[31m",
  });
});

test("a disk that is full loses lines, never the server, and the log says how many", () => {
  const lines: string[] = [];
  let isFull = false;
  const write = (line: string) => {
    if (isFull) throw new Error("ENOSPC");
    lines.push(line);
  };
  const log = createLog({ format: "text", write, now: () => noon });
  log("node1", "one");
  isFull = true;
  log("node1", "two");
  log("node1", "three");
  isFull = false;
  log("node1", "four");
  log("node1", "five");
  expect(lines.map((line) => line.slice(10).trim())).toEqual([
    "node1         one",
    "serve         warning: 2 lines of this log could not be written",
    "node1         four",
    "node1         five",
  ]);
});

test("what a stranger causes is said once a minute, with how often it was kept back", () => {
  const lines: string[] = [];
  let now = noon;
  const log = quieted(
    (subject, text) => lines.push(`${subject} ${text}`),
    () => now,
  );
  for (let round = 0; round < 5; round += 1) log("52:54:00:00:00:01", "no answer");
  log("52:54:00:00:00:02", "no answer");
  now = new Date(noon.getTime() + 60_000);
  log("52:54:00:00:00:01", "no answer");
  expect(lines).toEqual([
    "52:54:00:00:00:01 no answer",
    "52:54:00:00:00:02 no answer",
    "52:54:00:00:00:01 no answer (4 times more since)",
  ]);
});
