/** NODE, GROUP or --all -> nodes: what every command that acts on nodes takes, in one place. */
import { ImagectlError } from "../errors.ts";
import { hintForName } from "../nearest.ts";
import { isGivenUp, isInstalled } from "../nodes/installed.ts";
import type { NodeView, TargetList } from "../serve/operator-types.ts";
import type { CommandIo, OptionSpecs } from "./command.ts";
import type { OperatorClient } from "./operator-client.ts";

/** As many names as a command line takes. */
export const targetWords = { min: 0, max: 1_000 } as const;

export const allOption = {
  all: { type: "boolean", description: "Every node that runs a system of ours." },
} as const satisfies OptionSpecs;

export type Selection = {
  /** In the order of the command line, each once. */
  readonly nodes: readonly NodeView[];
  /** True: one node was named, so the answer is about it alone. */
  readonly isSingle: boolean;
  /** Those that were named themselves: leaving one of them out would be no answer. */
  readonly named: ReadonlySet<string>;
};

export type TargetRequest = {
  readonly words: readonly string[];
  readonly isAll: boolean;
  /** For the hint: `apply NODE|GROUP… or imagectl apply --all`. */
  readonly command: string;
};

/** @throws ImagectlError USAGE for neither names nor --all, or both; NODE_UNKNOWN; SERVER_NOT_RUNNING. */
export async function findTargets(client: OperatorClient, request: TargetRequest): Promise<Selection> {
  requireWords(request);
  return selectTargets(await client.get<TargetList>("/targets"), request);
}

/** @throws ImagectlError USAGE. */
export function requireWords({ words, isAll, command }: TargetRequest): void {
  if (isAll !== words.length > 0) return;
  throw new ImagectlError("USAGE", isAll ? "--all and names together" : "which node?", {
    hint: `imagectl ${command} NODE|GROUP…, or imagectl ${command} --all`,
  });
}

/** Nodes that left the cluster file can be named, but belong to no group and are not "all". Pure. */
export function selectTargets(list: TargetList, { words, isAll }: TargetRequest): Selection {
  const byName = new Map(list.nodes.map((node) => [node.node, node]));
  const chosen = isAll
    ? list.nodes.filter((node) => node.group !== undefined)
    : words.flatMap((word) => byName.get(word) ?? membersOf(list, word));
  return {
    nodes: [...new Set(chosen)],
    isSingle: words.length === 1 && byName.has(words[0] as string),
    named: new Set(words.filter((word) => byName.has(word))),
  };
}

function membersOf({ nodes, groups }: TargetList, word: string): readonly NodeView[] {
  if (!groups.some((group) => group.name === word)) {
    const known = [...groups.map((group) => group.name), ...nodes.map((node) => node.node)];
    throw new ImagectlError("NODE_UNKNOWN", `there is no node or group ${word}`, {
      hint: hintForName(word, known),
    });
  }
  const members = nodes.filter((node) => node.group === word);
  if (members.length > 0) return members;
  throw new ImagectlError("NODE_UNKNOWN", `the group ${word} has no nodes yet`, {
    hint: `Add some to the cluster file: nodes.NAME.group: ${word}`,
  });
}

/**
 * Leaves out nodes that run no system of ours, and says which; one that was named itself stays, so that whoever
 * acts on it says what is wrong.
 */
export function withoutBare(selection: Selection, io: CommandIo): readonly NodeView[] {
  return leaveOut(selection, io, (node) => !runsSystem(node));
}

/** An attempt that failed before it touched the disk, such as one whose deadline passed, took nothing away. */
function runsSystem({ attempt, hasSystem }: NodeView): boolean {
  return isInstalled(attempt?.state) || (hasSystem && attempt?.state.stage === "failed");
}

/**
 * Leaves out nodes that nobody wants a system on, and says which. Whoever asks whether nodes are ready has to hear
 * of those that are on their way to one, and of those that failed to get there.
 */
export function withoutUnarmed(selection: Selection, io: CommandIo): readonly NodeView[] {
  return leaveOut(selection, io, ({ attempt }) => attempt === undefined || isGivenUp(attempt.state));
}

function leaveOut(
  selection: Selection,
  io: CommandIo,
  isOut: (node: NodeView) => boolean,
): readonly NodeView[] {
  const { kept, leftOut } = splitOff(selection, isOut);
  if (leftOut.length > 0) io.stderr.write(`left out, not installed: ${leftOut.join(", ")}\n`);
  return kept;
}

/** One that was named itself is never left out. @returns the nodes that stay, and the names of the others. */
export function splitOff(
  { nodes, named }: Pick<Selection, "nodes" | "named">,
  isOut: (node: NodeView) => boolean,
): { readonly kept: readonly NodeView[]; readonly leftOut: readonly string[] } {
  const isKept = (node: NodeView): boolean => named.has(node.node) || !isOut(node);
  const leftOut = nodes.filter((node) => !isKept(node)).map(({ node }) => node);
  return { kept: nodes.filter(isKept), leftOut };
}

/** @throws ImagectlError NODE_NOT_DEPLOYED when all were left out: nothing done to nobody would look like success. */
export function requireSome(nodes: readonly NodeView[]): void {
  if (nodes.length > 0) return;
  throw new ImagectlError("NODE_NOT_DEPLOYED", "none of them runs a system of ours", {
    hint: "To install them: imagectl arm, then switch them on.",
  });
}
