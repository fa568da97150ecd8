/** `imagectl disarm`: ends attempts; nothing more is written to these nodes' disks. */
import type { DisarmAnswer } from "../serve/operator-types.ts";
import { defineCommand, jsonOption } from "./command.ts";
import { operatorClient } from "./operator-client.ts";
import { findTargets, targetWords } from "./targets.ts";

export const command = defineCommand({
  summary: "end the attempts of nodes: their next boot is from their own disk",
  usage: "disarm NODE|GROUP… | --all [--json]",
  options: {
    all: { type: "boolean", description: "Every node that has a live attempt." },
    ...jsonOption,
  },
  positionals: targetWords,
  words: ["targets"],
  async run({ values, positionals }, io) {
    const client = operatorClient(io.env);
    const isAll = values.all === true;
    const { nodes, named } = await findTargets(client, { words: positionals, isAll, command: "disarm" });
    // One that was named and is not armed is refused by the server; of a group, those that are armed are meant.
    const armed = nodes
      .filter(({ node, attempt }) => named.has(node) || attempt?.state.isLive === true)
      .map(({ node }) => node);
    const answers =
      armed.length === 0 ? [] : await client.post<readonly DisarmAnswer[]>("/disarm", { nodes: armed });
    io.stdout.write(values.json === true ? `${JSON.stringify(answers, null, 2)}\n` : formatDisarmed(answers));
    return 0;
  },
});

function formatDisarmed(answers: readonly DisarmAnswer[]): string {
  if (answers.length === 0) return "no node has a live attempt\n";
  return answers.map(({ node, attempt }) => `${node}  disarmed (attempt ${attempt.id})\n`).join("");
}
