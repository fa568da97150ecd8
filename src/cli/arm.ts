/** `imagectl arm`: from now until a deadline the node's next network boot installs it. */
import { ImagectlError } from "../errors.ts";
import { parseDuration } from "../quantity.ts";
import type { ArmAnswer, ArmRequestBody } from "../serve/operator-types.ts";
import { defineCommand, jsonOption } from "./command.ts";
import { operatorClient } from "./operator-client.ts";
import { formatTable } from "./table.ts";

/** Time to walk to a rack and switch it on; after it no disk is in danger. */
const defaultDeadline = "2h";

export const command = defineCommand({
  summary: "let nodes be installed at their next network boot, until a deadline",
  usage: "arm NODE… | --all [--deadline 2h] [--json]",
  options: {
    all: { type: "boolean", description: "Every node of the cluster file that is installed by the network." },
    deadline: {
      type: "string",
      valueName: "TIME",
      description: `After it nothing is written to a disk: 90s, 30m, 2h, 1d. Default: ${defaultDeadline}.`,
    },
    ...jsonOption,
  },
  positionals: { min: 0, max: 1_000 },
  async run({ values, positionals }, io) {
    const isAll = values.all === true;
    if (isAll === positionals.length > 0) {
      throw new ImagectlError("USAGE", isAll ? "--all and names together" : "which node?", {
        hint: "imagectl arm NODE…, or imagectl arm --all",
      });
    }
    const deadlineSeconds = parseDuration(values.deadline ?? defaultDeadline);
    const body: ArmRequestBody = { nodes: positionals, isAll, deadlineSeconds };
    const answers = await operatorClient(io.env).post<readonly ArmAnswer[]>("/arm", body);
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
