import { expect, test } from "vitest";
import { defineCommand } from "./command.ts";
import { completionScript, shells } from "./completion-script.ts";

const commands = new Map([
  [
    "greet",
    defineCommand({
      summary: "say it's a good day: to all",
      usage: "greet NODE",
      options: { out: { type: "string", description: "Where the node's card goes." } },
      positionals: { min: 1, max: 1 },
      words: ["nodes"],
      run: async () => 0,
    }),
  ],
]);

test.each(shells)(
  "%s gets every command with its options and words, and quotes in texts are harmless",
  (shell) => {
    const script = completionScript(shell, commands);
    for (const part of ["greet", "out", "help", "nodes"]) expect(script).toContain(part);
    expect(script.replaceAll("'\\''", "")).not.toMatch(/'s /);
  },
);
