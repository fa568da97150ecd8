/** `imagectl set-os NODE|GROUP OS`: another operating system for the next installation, written to the cluster file. */
import { setOs } from "../cluster/edit.ts";
import { ImagectlError } from "../errors.ts";
import { hintForName } from "../nearest.ts";
import { defineCommand, jsonOption } from "./command.ts";
import { editCluster } from "./edit-cluster.ts";
import { allSystems, clusterFile, clusterOption } from "./plan-context.ts";

export const command = defineCommand({
  summary: "give a node or a group another operating system: edits the cluster file, and shows the change",
  usage: "set-os NODE|GROUP OS [--dry-run] [--cluster FILE] [--json]",
  options: {
    "dry-run": { type: "boolean", description: "Show the change, and write nothing." },
    ...clusterOption,
    ...jsonOption,
  },
  positionals: { min: 2, max: 2 },
  words: ["targets", allSystems],
  async run({ values, positionals: [name = "", os = ""] }, io) {
    if (!allSystems.includes(os)) {
      throw new ImagectlError("OS_UNKNOWN", `no node can be installed with ${os}`, {
        hint: hintForName(os, allSystems),
      });
    }
    const isDryRun = values["dry-run"] === true;
    const file = clusterFile(values.cluster, io.env);
    const answer = await editCluster(file, isDryRun, (source) => setOs(source, name, os));
    if (values.json === true) {
      const { text: _text, ...shown } = answer;
      io.stdout.write(`${JSON.stringify({ ...shown, isDryRun }, null, 2)}\n`);
      return 0;
    }
    io.stdout.write(answer.isChanged ? answer.diff : `${name} has ${os} already; ${file} stays as it is\n`);
    for (const note of answer.notes) io.stderr.write(`note: ${note}\n`);
    if (answer.isChanged) io.stderr.write(`${closing(file, isDryRun, os, answer.nodes)}\n`);
    return 0;
  },
});

function closing(file: string, isDryRun: boolean, os: string, nodes: readonly string[]): string {
  if (isDryRun) return `dry run: ${file} stays as it is`;
  if (nodes.length === 0) return `${file} is written; no node is concerned yet`;
  const words = nodes.length > 3 ? "NODE…" : nodes.join(" ");
  return `${file} is written; running nodes stay as they are. Next: imagectl build --os ${os}, then imagectl reinstall ${words}`;
}
