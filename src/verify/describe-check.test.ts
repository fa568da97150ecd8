import { describe, expect, test } from "vitest";
import type { Expectation } from "../roles/role.ts";
import { describeExpectation, describeFinding } from "./describe-check.ts";

describe("what is expected", () => {
  test.each<[Expectation, string]>([
    [{ exit: 0 }, "exit 0"],
    [{ exit: "nonzero" }, "a refusal (exit not 0)"],
    [{ exit: 0, stdout: { equals: "no\n" } }, 'exit 0, and stdout is "no"'],
    [{ exit: 0, stdout: { equals: "" } }, "exit 0, and nothing on stdout"],
    [{ stdout: { matches: "^a$" }, stderr: { lacks: "b" } }, "stdout matches /^a$/, and stderr lacks /b/"],
  ])("%j is %s", (expectation, words) => {
    expect(describeExpectation(expectation)).toBe(words);
  });
});

describe("what was found", () => {
  test("an answer is its exit code and what it said", () => {
    const answer = { exitCode: 255, stdout: "\n", stderr: "Permission denied (publickey).\n" };
    expect(describeFinding({ reason: "", answer })).toBe("exit 255\nstderr: Permission denied (publickey).");
  });

  test("a reason comes first, and is all there is where nothing answered", () => {
    expect(describeFinding({ reason: "the node could not be reached" })).toBe(
      "the node could not be reached",
    );
  });

  test("a long answer is cut where a cell ends, and says so", () => {
    const stdout = Array.from({ length: 9 }, (_, line) => `line ${line}`).join("\n");
    const found = describeFinding({ reason: "", answer: { exitCode: 0, stdout, stderr: "" } });
    expect(found).toMatch(/line 5 …$/);
    expect(found).not.toContain("line 6");
  });
});
