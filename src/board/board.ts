/** Nodes and what was last heard of each -> the board: which GPUs are free now, and who has the others. */
import { formatSeconds } from "../quantity.ts";
import type { Gpu, NodeGpus } from "./node-gpus.ts";

export type AskedNode = {
  readonly node: string;
  readonly group: string;
  /** Why nobody can use it now, such as `is being installed`; empty: nothing is known against it. */
  readonly away: string;
};

/** The last answer of a node; `gpus` is undefined when it said nothing of GPUs. */
export type Heard = { readonly at: Date; readonly gpus: NodeGpus | undefined };

export type BoardNode = {
  readonly node: string;
  readonly group: string;
  /** False: what is shown is from before, and nothing of it is believed. */
  readonly isCurrent: boolean;
  /** What is the matter with the node as a whole; empty: nothing. */
  readonly why: string;
  readonly gpus: readonly Gpu[];
};

export type Board = {
  /** ISO 8601, UTC. */
  readonly madeAt: string;
  readonly free: number;
  readonly total: number;
  /** By the order of the cluster file. */
  readonly nodes: readonly BoardNode[];
  /** Nodes that answer, and say nothing of GPUs. */
  readonly without: readonly string[];
};

/** As the recording rule imagectl_gpus_free has it. Seconds. */
const oldestSeconds = 120;

/** @param heard by node; a node that never answered is not in it. */
export function makeBoard(asked: readonly AskedNode[], heard: ReadonlyMap<string, Heard>, now: Date): Board {
  const nodes = asked.flatMap((each) => placeNode(each, heard.get(each.node), now) ?? []);
  const shown = new Set(nodes.map(({ node }) => node));
  return {
    madeAt: now.toISOString(),
    ...countGpus(nodes),
    nodes,
    without: asked.map(({ node }) => node).filter((node) => !shown.has(node)),
  };
}

/** @returns how many there are on these nodes, and how many of them are free. */
export function countGpus(nodes: readonly BoardNode[]): Pick<Board, "free" | "total"> {
  const gpus = nodes.flatMap((node) => node.gpus);
  return { free: gpus.filter(({ state }) => state === "free").length, total: gpus.length };
}

/** @returns undefined for a node that has nothing to do with GPUs. */
function placeNode(
  { node, group, away }: AskedNode,
  last: Heard | undefined,
  now: Date,
): BoardNode | undefined {
  if (last === undefined) {
    return { node, group, isCurrent: false, why: away === "" ? "does not answer" : away, gpus: [] };
  }
  if (last.gpus === undefined) return undefined;
  const { gpus, ageSeconds } = last.gpus;
  const age = ageSeconds + Math.max(0, (now.getTime() - last.at.getTime()) / 1000);
  if (age > oldestSeconds) {
    const why = `last heard of ${formatSeconds(age)} ago${away === "" ? "" : `; it ${away}`}`;
    return {
      node,
      group,
      isCurrent: false,
      why,
      gpus: gpus.map((gpu) => ({ ...gpu, state: "unknown", why: "" })),
    };
  }
  if (away === "") return { node, group, isCurrent: true, why: "", gpus };
  return { node, group, isCurrent: true, why: away, gpus: gpus.map(withoutFree) };
}

/** What runs on it is still shown: its owner may want to know that the node is about to go. */
function withoutFree(gpu: Gpu): Gpu {
  return gpu.state === "free" ? { ...gpu, state: "unusable" } : gpu;
}
