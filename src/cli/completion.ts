/** `imagectl completion`: the script that a shell sources, and the names that it asks for. */
import { readClusterFile } from "../cluster/file.ts";
import { ImagectlError } from "../errors.ts";
import { defineCommand } from "./command.ts";
import { completionScript, type Shell, shells } from "./completion-script.ts";
import { clusterFile, clusterOption } from "./plan-context.ts";

export const command = defineCommand({
  summary: "print a completion script: source <(imagectl completion bash)",
  usage: `completion ${shells.join("|")} | nodes | targets [--cluster FILE]`,
  options: clusterOption,
  positionals: { min: 1, max: 1 },
  words: [shells],
  async run({ values, positionals: [word = ""] }, io) {
    if (word === "nodes" || word === "targets") {
      const { cluster } = await readClusterFile(clusterFile(values.cluster, io.env));
      // A file with a mistake completes nothing; what it is, validate says.
      const groups = word === "targets" ? (cluster?.groups ?? []) : [];
      const names = [...groups, ...(cluster?.nodes ?? [])].map(({ name }) => `${name}\n`);
      io.stdout.write(names.join(""));
      return 0;
    }
    if (!isShell(word)) {
      throw new ImagectlError("USAGE", `completion: unknown shell ${word}`, {
        hint: `imagectl completion ${shells.join("|")}`,
      });
    }
    if (io.commands === undefined) throw new Error("completion was not given the table of commands");
    io.stdout.write(completionScript(word, await io.commands()));
    return 0;
  },
});

function isShell(word: string): word is Shell {
  return (shells as readonly string[]).includes(word);
}
