/** Every command says the same of itself in its usage, its options and its completion. */
import { expect, test } from "vitest";
import { loadCommands } from "./main.ts";

const commands = [...(await loadCommands())];

test.each(commands)("%s: its usage names every option, and what each takes", (_name, { usage, options }) => {
  for (const [option, { valueName }] of Object.entries(options)) {
    const shown = valueName === undefined ? `--${option}` : `--${option} ${valueName}`;
    expect(usage).toMatch(new RegExp(`${RegExp.escape(shown)}(?![\\w-])`));
  }
});

/** The usage up to its first option. */
const wordsOf = (usage: string): string => usage.split(/ \[?-/, 1).join();

test.each(commands.filter(([, { usage }]) => /\bNODE\b/.test(wordsOf(usage))))(
  "%s: the shell completes the nodes, or the groups as well, that it takes",
  (_name, { usage, words }) => {
    expect(words).toContain(usage.includes("GROUP") ? "targets" : "nodes");
  },
);
