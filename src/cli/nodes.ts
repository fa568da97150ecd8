/** `imagectl nodes`: every node with what it is doing and, where something is wrong, why. */
import { ImagectlError } from "../errors.ts";
import { hintFor } from "../nodes/describe.ts";
import { formatSeconds } from "../quantity.ts";
import type { NodeView } from "../serve/operator-types.ts";
import { terminalLine } from "../terminal-text.ts";
import { type CommandIo, defineCommand, jsonOption } from "./command.ts";
import { type NagiosAnswer, nagiosOfError, nagiosOfNodes } from "./nagios.ts";
import { operatorClient } from "./operator-client.ts";
import { formatTable } from "./table.ts";

export const command = defineCommand({
  summary: "list the nodes and what each is doing",
  usage: "nodes [--all] [--json | --nagios]",
  options: {
    all: { type: "boolean", description: "Retired nodes as well." },
    nagios: {
      type: "boolean",
      description: "Answer as a Nagios plugin: a line, numbers, and exit code 0, 1, 2 or 3.",
    },
    ...jsonOption,
  },
  positionals: { min: 0, max: 0 },
  async run({ values }, io) {
    if (values.nagios === true) {
      const { text, exitCode } = await nagiosAnswer(io.env);
      io.stdout.write(text);
      return exitCode;
    }
    const all = await operatorClient(io.env).get<readonly NodeView[]>("/nodes");
    const nodes = values.all === true ? all : all.filter((node) => !isGone(node));
    io.stdout.write(
      values.json === true ? `${JSON.stringify(nodes, null, 2)}\n` : formatNodes(nodes, new Date()),
    );
    return 0;
  },
});

async function nagiosAnswer(env: CommandIo["env"]): Promise<NagiosAnswer> {
  try {
    const nodes = await operatorClient(env).get<readonly NodeView[]>("/nodes");
    return nagiosOfNodes(nodes.filter((node) => !isGone(node)));
  } catch (error) {
    if (error instanceof ImagectlError) return nagiosOfError(error);
    throw error;
  }
}

/** Retired, and no node of the cluster file has its name. */
function isGone({ group, attempt }: NodeView): boolean {
  return group === undefined && attempt?.state.stage === "retired";
}

export function formatNodes(nodes: readonly NodeView[], now: Date): string {
  if (nodes.length === 0) return "The cluster file has no nodes.\n";
  const rows = nodes.map(({ node, group, address, attempt }) => [
    node,
    group ?? "(not in the cluster file)",
    address,
    attempt?.state.stage ?? "never armed",
    attempt === undefined
      ? ""
      : `for ${formatSeconds((now.getTime() - Date.parse(attempt.state.since)) / 1000)}`,
    attempt === undefined ? "" : attempt.imageId.slice(0, 12),
  ]);
  const causes = nodes.flatMap(({ node, attempt }) => {
    const cause = attempt?.state.cause;
    return cause === undefined
      ? []
      : [`${node}: ${terminalLine(cause.message)}\n    hint: ${hintFor(node, cause)}\n`];
  });
  const head = ["NODE", "GROUP", "ADDRESS", "STAGE", "SINCE", "IMAGE"];
  return `${formatTable([head, ...rows])}${causes.length === 0 ? "" : `\n${causes.join("")}`}`;
}
