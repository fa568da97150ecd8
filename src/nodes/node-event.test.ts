import { expect, test } from "vitest";
import { describeEvent } from "./describe.ts";
import { longestLogTail, parseNodeReport } from "./node-event.ts";

test.each([
  { kind: "step-started", index: 1, total: 9, step: "stream-root" },
  { kind: "step-progress", index: 1, bytes: 1, totalBytes: 2, bytesPerSecond: 1.5 },
  { kind: "step-finished", index: 1, seconds: 2.25 },
  { kind: "step-failed", index: 1, exitCode: 28, logTail: "curl: (28)" },
  { kind: "deployed" },
])("$kind is taken as it is", (body) => {
  expect(parseNodeReport(JSON.stringify(body))).toEqual(body);
});

test.each([
  ["not JSON", "{", "not JSON"],
  ["no object", "7", "expected"],
  ["an operator's event", '{"kind":"armed"}', "kind"],
  [
    "a verdict on itself",
    '{"kind":"verify-finished","green":9,"red":0,"notApplicable":0,"isReady":true}',
    "kind",
  ],
  ["an extra key", '{"kind":"deployed","note":1}', "note"],
  ["a missing key", '{"kind":"step-finished","index":1}', "seconds"],
  ["a step with a space", '{"kind":"step-started","index":1,"total":1,"step":"rm -rf"}', "step"],
  ["a negative number", '{"kind":"step-finished","index":1,"seconds":-1}', "seconds"],
  ["an exit code of 300", '{"kind":"step-failed","index":1,"exitCode":300,"logTail":""}', "exitCode"],
])("%s is refused, naming the field", (_name, text, field) => {
  expect(() => parseNodeReport(text)).toThrow(field);
});

test("a long log keeps its end", () => {
  const logTail = `${"x".repeat(longestLogTail)}the reason`;
  const report = parseNodeReport(JSON.stringify({ kind: "step-failed", index: 1, exitCode: 1, logTail }));
  expect(report).toMatchObject({ logTail: expect.stringMatching(/the reason$/) });
  expect((report as { logTail: string }).logTail).toHaveLength(longestLogTail);
});

test("random text never gets through", () => {
  for (let round = 0; round < 2_000; round += 1) {
    const text = Array.from({ length: round % 40 }, () =>
      String.fromCharCode(Math.floor(Math.random() * 128)),
    ).join("");
    expect(() => parseNodeReport(text)).toThrow("event was refused");
  }
});

test("what a node says cannot steer the operator's terminal", () => {
  const line = describeEvent({
    kind: "step-failed",
    index: 1,
    exitCode: 1,
    logTail: "first\n\u001b[2Jwiped\u0007",
  });
  expect(line).toBe("step 1 FAILED with exit code 1: ?[2Jwiped?");
});
