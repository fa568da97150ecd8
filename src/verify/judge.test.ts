import { expect, test } from "vitest";
import type { Expectation } from "../roles/role.ts";
import { judge } from "./judge.ts";
import type { CommandAnswer } from "./report.ts";

const said = (exitCode: number, stdout = "", stderr = ""): CommandAnswer => ({ exitCode, stdout, stderr });

test.each<[string, Expectation, CommandAnswer]>([
  ["the expected exit code", { exit: 0 }, said(0)],
  ["any refusal, when one is expected", { exit: "nonzero" }, said(255)],
  ["an exit code of timeout(1) that is expected by number", { exit: 124 }, said(124)],
  ["equal text, whatever the white space around it", { stdout: { equals: "no" } }, said(0, "no\n")],
  ["text that matches on one of its lines", { stdout: { matches: "^b$" } }, said(0, "a\nb\nc\n")],
  [
    "text that lacks a word",
    { stderr: { lacks: "password" } },
    said(255, "", "Permission denied (publickey)."),
  ],
  ["any exit code, when only the text counts", { stdout: { equals: "x" } }, said(3, "x")],
])("%s is green", (_name, expect_, answer) => {
  expect(judge({ expect: expect_, timeoutSeconds: 30 }, answer)).toEqual({ outcome: "green" });
});

test.each<[string, Expectation, CommandAnswer, string]>([
  [
    "another exit code, with what was said",
    { exit: 0 },
    said(1, "", "no such file\n"),
    'expected exit 0, found exit 1; it said "no such file"',
  ],
  [
    "success where a refusal is expected",
    { exit: "nonzero" },
    said(0),
    "expected a nonzero exit, found exit 0",
  ],
  [
    "a missing program, although a refusal is expected",
    { exit: "nonzero" },
    said(127, "", "nc: not found"),
    'expected a nonzero exit, but the command was not found: exit 127; it said "nc: not found"',
  ],
  [
    "a command that was timed out, although a refusal is expected",
    { exit: "nonzero" },
    said(124),
    "expected a nonzero exit, but the command did not end in time (limit 30 s): exit 124",
  ],
  [
    "a command that had to be killed",
    { exit: "nonzero" },
    said(137),
    "expected a nonzero exit, but the command was killed: exit 137",
  ],
  [
    "a missing program, although only its silence is expected",
    { stdout: { lacks: "open" } },
    said(127),
    "expected an answer, but the command was not found: exit 127",
  ],
  [
    "other text",
    { stdout: { equals: "no" } },
    said(0, "yes\n"),
    'expected stdout to equal "no", found "yes"',
  ],
  [
    "text without the pattern",
    { stderr: { matches: "\\(publickey\\)" } },
    said(255, "", "Connection refused"),
    'expected stderr to match /\\(publickey\\)/, found "Connection refused"',
  ],
  [
    "text with what must not be there",
    { stdout: { lacks: "open" } },
    said(0, "22 open\n"),
    'expected stdout to lack /open/, found "open" in "22 open"',
  ],
])("%s is red and says why", (_name, expect_, answer, reason) => {
  expect(judge({ expect: expect_, timeoutSeconds: 30 }, answer)).toEqual({ outcome: "red", reason });
});

test("every part of an expectation must be met", () => {
  const both: Expectation = { exit: 255, stderr: { matches: "publickey" } };
  expect(judge({ expect: both, timeoutSeconds: 1 }, said(255, "", "publickey")).outcome).toBe("green");
  expect(judge({ expect: both, timeoutSeconds: 1 }, said(255, "", "password")).outcome).toBe("red");
  expect(judge({ expect: both, timeoutSeconds: 1 }, said(0, "", "publickey")).outcome).toBe("red");
});
