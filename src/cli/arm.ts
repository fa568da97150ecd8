/** `imagectl arm`: from now until a deadline the node's next network boot installs it. */
import { parseDuration } from "../quantity.ts";
import type { ArmAnswer, ArmRequestBody } from "../serve/operator-types.ts";
import { defineCommand, jsonOption } from "./command.ts";
import { operatorClient } from "./operator-client.ts";
import { formatTable } from "./table.ts";
import { findTargets, requireWords, targetWords } from "./targets.ts";

/** Time to walk to a rack and switch it on; after it no disk is in danger. */
const defaultDeadline = "2h";

export const command = defineCommand({
  summary: "let nodes be installed at their next network boot, until a deadline",
  usage: "arm NODE|GROUP… | --all [--deadline 2h] [--json]",
  options: {
    all: { type: "boolean", description: "Every node of the cluster file that is installed by the network." },
    deadline: {
      type: "string",
      valueName: "TIME",
      description: `After it nothing is written to a disk: 90s, 30m, 2h, 1d. Default: ${defaultDeadline}.`,
    },
    ...jsonOption,
  },
  positionals: targetWords,
  words: ["targets"],
  async run({ values, positionals }, io) {
    const isAll = values.all === true;
    const request = { words: positionals, isAll, command: "arm" };
    requireWords(request);
    const deadlineSeconds = parseDuration(values.deadline ?? defaultDeadline);
    const client = operatorClient(io.env);
    // Which of all can be installed, the server knows best.
    const { nodes } = isAll ? { nodes: [] } : await findTargets(client, request);
    const body: ArmRequestBody = { nodes: nodes.map(({ node }) => node), isAll, deadlineSeconds };
    const answers = await client.post<readonly ArmAnswer[]>("/arm", body);
    io.stdout.write(values.json === true ? `${JSON.stringify(answers, null, 2)}\n` : formatArmed(answers));
    return 0;
  },
});

export function formatArmed(answers: readonly ArmAnswer[]): string {
  const rows = answers.map(({ node, isNew, attempt, image }) => [
    node,
    isNew ? "armed" : `already armed (${attempt.state.stage})`,
    `until ${attempt.state.deadline}`,
    `image ${image.id.slice(0, 12)} ${image.os} of ${image.createdAt}`,
    `plan ${attempt.planSha256.slice(0, 12)}`,
    `cluster file ${attempt.revision}`,
  ]);
  const names = answers.map(({ node }) => node);
  const next = names.length > 3 ? "imagectl watch" : `imagectl watch ${names.join(" ")}`;
  return `${formatTable(rows)}Switch ${names.length === 1 ? "it" : "them"} on, then: ${next}\n`;
}
