/** `imagectl diff`: the cluster file against the running system, and what would bring them together. */
import type { FoundOnNode, NodeDiff } from "../serve/operator-types.ts";
import { terminalText } from "../terminal-text.ts";
import { compareBastion, planOfBastion } from "./bastion.ts";
import { defineCommand, jsonLinesOption } from "./command.ts";
import { onEachNode } from "./each-node.ts";
import { operatorClient } from "./operator-client.ts";
import { bastionClusterOption } from "./plan-context.ts";
import { allOption, findTargets, targetWords, withoutBare } from "./targets.ts";

export const command = defineCommand({
  summary:
    "compare running nodes with the cluster file: is apply or a reinstall due (exit code 2: something is)",
  usage: "diff NODE|GROUP… | --all | bastion [--cluster FILE] [--json]",
  options: { ...allOption, ...bastionClusterOption, ...jsonLinesOption },
  positionals: targetWords,
  words: ["targets"],
  async run({ values, positionals }, io) {
    const isJson = values.json === true;
    const show = (answer: NodeDiff) => {
      io.stdout.write(isJson ? `${JSON.stringify(answer)}\n` : formatDiff(answer));
      const word = wordFor(answer);
      return { exitCode: word === same ? 0 : 2, word };
    };
    const bastion = await planOfBastion(positionals, values.cluster, io.env);
    if (bastion !== undefined) return show(await compareBastion(bastion, io.env)).exitCode;
    const client = operatorClient(io.env);
    const isAll = values.all === true;
    const selection = await findTargets(client, { words: positionals, isAll, command: "diff" });
    const nodes = withoutBare(selection, io).map(({ node }) => node);
    const { isSingle } = selection;
    return onEachNode({ nodes, isSingle, isJson, failedWord: "failed", io }, async (node) =>
      show(await client.post<NodeDiff>(`/nodes/${encodeURIComponent(node)}/diff`, {})),
    );
  },
});

const same = "as planned";

function wordFor({ due, reinstall, drift }: NodeDiff): string {
  if (reinstall.length > 0) return due.length > 0 ? "to apply and to reinstall" : "to reinstall";
  if (due.length > 0) return "to apply";
  return drift.length > 0 ? "changed on the node" : same;
}

const marks: Readonly<Record<FoundOnNode["action"], string>> = {
  added: "A",
  modified: "M",
  deleted: "D",
  install: "package",
  run: "command",
  settle: "service",
};

/** @returns a section for each remedy that is due; safe for a terminal, since the texts are the node's. */
export function formatDiff({ node, due, reinstall, drift }: NodeDiff): string {
  const kept = due.filter(({ isKeptAside }) => isKeptAside).length;
  const sections = [
    section(`node layer, due: imagectl apply ${node}`, due.flatMap(foundLines)),
    kept === 0 ? [] : [`  K: ${kept} changed on the node by somebody; apply keeps that text beside the file`],
    section(
      `image layer, due: imagectl build, then imagectl reinstall ${node}`,
      reinstall.map(({ action, what, role }) => `${marks[action]} ${what}${roleOf(role)}`),
    ),
    section(
      "image layer, changed on the node since it was installed: put it back there, or reinstall",
      drift.flatMap(foundLines),
    ),
  ].flat();
  if (sections.length === 0) return `${node}: ${same}\n`;
  return terminalText([`${node}:`, ...sections, ""].join("\n"));
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`  ${title}`, ...lines.map((line) => `    ${line}`)];
}

function foundLines({ action, what, role, isKeptAside, difference }: FoundOnNode): string[] {
  const mark = isKeptAside ? `K${marks[action]}` : marks[action];
  return [`${mark} ${what}${roleOf(role)}`, ...difference.map((line) => `    ${line}`)];
}

function roleOf(role: string | undefined): string {
  return role === undefined ? "" : `  (${role})`;
}
