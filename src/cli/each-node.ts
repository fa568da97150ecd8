/** One thing done to several nodes, one after the other: a failure of one is said and does not keep the others waiting. */
import { describeError, ImagectlError } from "../errors.ts";
import { formatCount } from "../quantity.ts";
import type { ErrorBody } from "../serve/operator-types.ts";
import { terminalText } from "../terminal-text.ts";
import type { CommandIo } from "./command.ts";

/** What became of one node: an exit code, and in a word or two what it means. */
export type NodeOutcome = { readonly exitCode: number; readonly word: string };

export type EachOptions = {
  readonly nodes: readonly string[];
  /** With one node an error is the command's own. */
  readonly isSingle: boolean;
  readonly isJson: boolean;
  /** What the summary says of a node whose work threw. */
  readonly failedWord: string;
  readonly io: CommandIo;
};

/**
 * One after the other on purpose: a change that breaks the first node is seen before it reaches the last.
 * @returns 1 when one failed, else 2 when something was found on one, else 0.
 */
export async function onEachNode(
  { nodes, isSingle, isJson, failedWord, io }: EachOptions,
  work: (node: string) => Promise<NodeOutcome>,
): Promise<number> {
  const only = nodes[0];
  if (isSingle && only !== undefined) return (await work(only)).exitCode;
  const outcomes = new Map<string, NodeOutcome>();
  for (const node of nodes) {
    if (!isJson) io.stdout.write(`== ${node}\n`);
    const outcome = await work(node).catch((error: unknown) => {
      sayFailed(node, error, isJson, io);
      return { exitCode: 1, word: failedWord };
    });
    outcomes.set(node, outcome);
  }
  if (isJson) {
    const summary = [...outcomes].map(([node, outcome]) => ({ node, ...outcome }));
    io.stdout.write(`${JSON.stringify({ kind: "summary", nodes: summary })}\n`);
  } else io.stdout.write(summarize(outcomes));
  const codes = [...outcomes.values()].map(({ exitCode }) => exitCode);
  return codes.find((code) => code !== 0 && code !== 2) ?? (codes.includes(2) ? 2 : 0);
}

/** A defect of ours is not dressed up as a node's failure. */
function sayFailed(node: string, error: unknown, isJson: boolean, io: CommandIo): void {
  if (!(error instanceof ImagectlError)) throw error;
  const { code, message, hint, findings } = error;
  const body: ErrorBody = { error: { code, message, hint, findings } };
  if (isJson) io.stdout.write(`${JSON.stringify({ kind: "failed", node, ...body })}\n`);
  else io.stderr.write(terminalText(`imagectl: ${node}: ${describeError(error)}\n    hint: ${hint}\n`));
}

/** `3 nodes: 2 applied (node1, node2), 1 failed (node3)`: names only where somebody has to look. */
export function summarize(outcomes: ReadonlyMap<string, NodeOutcome>): string {
  const words = [...new Set([...outcomes.values()].map(({ word }) => word))];
  const parts = words.map((word) => {
    const names = [...outcomes].filter(([, outcome]) => outcome.word === word).map(([node]) => node);
    const isGood = outcomes.get(names[0] as string)?.exitCode === 0;
    return `${names.length} ${word}${isGood ? "" : ` (${names.join(", ")})`}`;
  });
  const count = outcomes.size;
  return `${formatCount(count, "node")}${count === 0 ? "" : `: ${parts.join(", ")}`}\n`;
}
