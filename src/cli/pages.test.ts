/** The pages for people name commands: each is one, and takes the options and the number of words that are shown. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { expect, test } from "vitest";
import { packageRoot } from "../paths.ts";
import { loadCommands } from "./main.ts";

const commands = await loadCommands();
const pages = ["README.md", ...globSync("docs/*.md", { cwd: packageRoot })];

/** Lines of shell blocks that begin with imagectl, without their comments and what follows a pipe or another command. */
function shownIn(page: string): string[] {
  const blocks = readFileSync(join(packageRoot, page), "utf8").matchAll(/^```sh\n(.*?)^```/gms);
  const lines = [...blocks].flatMap(([, block = ""]) => block.split("\n"));
  const calls = lines.flatMap((line) =>
    line
      .replace(/ +#.*$/, "")
      .replace(/\$\([^)]*\)/g, "WORD")
      .split(/ (?:&&|\||\|\||>>) ?|; /),
  );
  return calls.flatMap((call) => /^(?:sudo )?imagectl (.*)$/.exec(call.trim())?.[1] ?? []);
}

/** @returns what is wrong with it. */
function complainAbout(line: string): string | undefined {
  const [name = "", ...words] = line.split(" ").filter((word) => word !== "…");
  const command = commands.get(name);
  if (command === undefined) return `there is no command ${name}`;
  try {
    const { positionals } = parseArgs({
      args: words,
      options: { ...command.options },
      allowPositionals: true,
    });
    const { min, max } = command.positionals;
    return positionals.length < min || positionals.length > max ? `usage: ${command.usage}` : undefined;
  } catch (error) {
    return String(error);
  }
}

test.each(pages)("what %s shows can be typed", (page) => {
  const wrong = shownIn(page).flatMap((line) => {
    const complaint = complainAbout(line);
    return complaint === undefined ? [] : [`imagectl ${line}: ${complaint}`];
  });
  expect(wrong).toEqual([]);
});

test("a line that cannot be typed is found", () => {
  expect(shownIn("README.md")).toContain("arm node1");
  expect(["bild", "arm node1 --dedline 2h", "report"].map(complainAbout)).toEqual([
    "there is no command bild",
    expect.stringContaining("--dedline"),
    expect.stringContaining("usage: report"),
  ]);
});
