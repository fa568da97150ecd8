import { expect, test } from "vitest";
import { type Command, defineCommand } from "./command.ts";
import { loadCommands } from "./main.ts";
import { formatManPage } from "./man-page.ts";

const head = { version: "1.2.3", date: "November 24, 2026" };

const sample: Command = defineCommand({
  summary: "do a thing",
  usage: "sample FILE… | --all",
  options: {
    all: { type: "boolean", short: "a", description: "All (and more). 'Quoted' and -minus." },
    to: { type: "string", valueName: "No", description: ".dotted" },
  },
  positionals: { min: 0, max: 1 },
  run: async () => 0,
});

test("a command is shown with its usage, its sentence and its options", () => {
  const page = formatManPage(new Map([["sample", sample]]), head);
  expect(page).toContain(".Dd November 24, 2026\n.Dt IMAGECTL 1\n.Os imagectl 1.2.3\n");
  expect(page).toContain(`.It Ic sample FILE\\[u2026] \\&| \\-\\-all
Do a thing.
.Bl -tag -width Ds
.It Fl Fl all
All (and more).
\\&'Quoted' and \\-minus.
Short: \\-a.
.It Fl Fl to Ar \\&No
\\&.dotted
.El`);
});

test("every command is on the page, and no line of text is read as a request of roff", async () => {
  const commands = await loadCommands();
  const page = formatManPage(commands, head);
  for (const name of commands.keys()) {
    expect(page.split("\n")).toContainEqual(
      expect.stringMatching(`^\\.It Ic ${name.replace("-", "..")}( |$)`),
    );
  }
  const requests = page.split("\n").filter((line) => /^[.']/.test(line));
  expect(requests.filter((line) => !/^\.[A-Z][a-z]( |$)/.test(line))).toEqual([]);
});
