/** `imagectl arm`: from now until a deadline the node's next network boot installs it. */
import { ImagectlError } from "../errors.ts";
import { parseDuration } from "../quantity.ts";
import type { ArmAnswer, ArmRequestBody, NodeView, TargetList } from "../serve/operator-types.ts";
import { type CommandIo, defineCommand, jsonOption } from "./command.ts";
import { operatorClient } from "./operator-client.ts";
import { formatTable } from "./table.ts";
import { requireWords, selectTargets, splitOff, type TargetRequest, targetWords } from "./targets.ts";

/** Time to walk to a rack and switch it on; after it no disk is in danger. */
const defaultDeadline = "2h";

export const command = defineCommand({
  summary: "let nodes be installed at their next network boot, until a deadline",
  usage: "arm NODE|GROUP… | --all [--deadline TIME] [--json]",
  options: {
    all: {
      type: "boolean",
      description: "Every node that the network installs and whose disk holds no system of ours.",
    },
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
    const deadlineSeconds = parseDuration(values.deadline ?? defaultDeadline);
    const client = operatorClient(io.env);
    const request = { words: positionals, isAll: values.all === true, command: "arm" };
    requireWords(request);
    const nodes = armable(await client.get<TargetList>("/targets"), request, io);
    const body: ArmRequestBody = { nodes: nodes.map(({ node }) => node), deadlineSeconds };
    const answers = await client.post<readonly ArmAnswer[]>("/arm", body);
    io.stdout.write(values.json === true ? `${JSON.stringify(answers, null, 2)}\n` : formatArmed(answers));
    return 0;
  },
});

/**
 * Leaves out nodes with a system on their disk, and says which: at their next restart, whoever causes it, they would
 * lose it. One that was named itself stays, and one that is on its way already is shown. Of all, only those count
 * that the network installs.
 * @throws ImagectlError ARM_REFUSED when none is left.
 */
function armable(list: TargetList, request: TargetRequest, io: CommandIo): readonly NodeView[] {
  const methods = new Map(list.groups.map(({ name, method }) => [name as string | undefined, method]));
  const { nodes, named } = selectTargets(list, request);
  const meant = request.isAll
    ? nodes.filter(({ group }) => methods.has(group) && methods.get(group) !== "none")
    : nodes;
  const { kept, leftOut } = splitOff(
    { nodes: meant, named },
    ({ attempt, hasSystem }) => hasSystem && attempt?.state.isLive !== true,
  );
  const hint = "To install them anew: imagectl reinstall NODE|GROUP…";
  if (meant.length === 0) {
    throw new ImagectlError("ARM_REFUSED", "there is no node that the network installs", {
      hint: "Add one to the cluster file, in a group with method: golden",
    });
  }
  if (kept.length === 0) {
    const message = `nothing was armed: there is a system on the disk of each (${leftOut.join(", ")})`;
    throw new ImagectlError("ARM_REFUSED", message, { hint });
  }
  if (leftOut.length > 0)
    io.stderr.write(`left out, a system is on their disk: ${leftOut.join(", ")}. ${hint}\n`);
  return kept;
}

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
  const next = names.length > 3 ? "sudo imagectl watch" : `sudo imagectl watch ${names.join(" ")}`;
  return `${formatTable(rows)}Switch ${names.length === 1 ? "it" : "them"} on, then: ${next}\n`;
}
