/** Asks the nodes themselves what their GPUs do, when somebody looks: no other program has to run for that. */
import type { AskedNode, Board, Heard } from "../board/board.ts";
import { makeBoard } from "../board/board.ts";
import { readNodeGpus } from "../board/node-gpus.ts";
import { readAtMost } from "../read-at-most.ts";

/** Several who look at once are one question. Milliseconds; the nodes ask their driver every 15 s. */
const lookAgainMs = 5_000;
/** A node that is up answers within some 50 ms. Milliseconds. */
const timeoutMs = 3_000;
/** Metrics of a machine with hundreds of disks and cards are some 500 kB. Bytes. */
const mostBytes = 4_000_000;

/** A node with the URLs of its metrics; none: nothing is asked. */
export type BoardNodeSource = AskedNode & { readonly urls: readonly string[] };

export type GpuBoard = {
  /** Never rejects: what does not answer is shown as such. */
  look(): Promise<Board>;
};

export type GpuBoardSettings = {
  readonly nodes: () => readonly BoardNodeSource[];
  /** Rejects when there is no answer. @returns metrics in Prometheus' text format. */
  readonly ask: (url: string) => Promise<string>;
  readonly now: () => Date;
};

export function openGpuBoard({ nodes, ask, now }: GpuBoardSettings): GpuBoard {
  let heard: ReadonlyMap<string, Heard> = new Map();
  let looking: Promise<void> | undefined;
  let lookedAt = Number.NEGATIVE_INFINITY;

  const lookOnce = async (asked: readonly BoardNodeSource[]): Promise<void> => {
    const answers = await Promise.all(asked.map(({ urls }) => askAll(urls)));
    const at = now();
    // Nodes that are gone from the cluster file are forgotten; one that is silent is remembered.
    heard = new Map(
      asked.flatMap(({ node }, index) => {
        const text = answers[index];
        const last = text === undefined ? heard.get(node) : { at, gpus: readNodeGpus(text, at) };
        return last === undefined ? [] : [[node, last] as const];
      }),
    );
    lookedAt = at.getTime();
  };
  const askAll = async (urls: readonly string[]): Promise<string | undefined> => {
    const texts = await Promise.all(urls.map((url) => ask(url).catch(() => undefined)));
    const answered = texts.filter((text) => text !== undefined);
    return answered.length === 0 ? undefined : answered.join("\n");
  };
  return {
    look: async () => {
      const asked = nodes().filter(({ urls }) => urls.length > 0);
      if (Math.abs(now().getTime() - lookedAt) >= lookAgainMs) {
        looking ??= lookOnce(asked).finally(() => {
          looking = undefined;
        });
      }
      await looking;
      return makeBoard(asked, heard, now());
    },
  };
}

/** @throws Error when the node does not answer, or not with metrics. */
export async function askMetrics(url: string): Promise<string> {
  const response = await fetch(url, { redirect: "error", signal: AbortSignal.timeout(timeoutMs) });
  const text = await readAtMost(response, mostBytes);
  if (response.status !== 200) throw new Error(`${url} answers with ${response.status}`);
  return text;
}
