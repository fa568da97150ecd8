/** Whom the board asks, how often, and what it remembers of one that is silent. */
import { expect, test } from "vitest";
import type { Attempt } from "../nodes/attempts.ts";
import type { AttemptState } from "../nodes/event.ts";
import { whyAway } from "./board-nodes.ts";
import { type BoardNodeSource, openGpuBoard } from "./gpu-board.ts";

const start = new Date("2026-11-29T12:00:00Z").getTime();
const node1: BoardNodeSource = {
  node: "node1",
  group: "gpu",
  away: "",
  urls: ["http://10.77.0.11:9100/metrics"],
};
const metrics = (seconds: number): string => `imagectl_gpu_query_success{query="gpus"} 1
imagectl_gpu_query_success{query="processes"} 1
imagectl_gpu_query_timestamp_seconds ${seconds}
imagectl_gpu_info{gpu="0",uuid="GPU-0",name="NVIDIA H200"} 1
imagectl_gpu_processes{gpu="0",uuid="GPU-0"} 0`;

function boardOf(nodes: readonly BoardNodeSource[], ask?: (url: string) => Promise<string>) {
  let now = start;
  const asked: string[] = [];
  const board = openGpuBoard({
    nodes: () => nodes,
    now: () => new Date(now),
    ask: (url) => {
      asked.push(url);
      return ask?.(url) ?? Promise.resolve(metrics(now / 1000));
    },
  });
  return {
    ...board,
    asked,
    wait: (seconds: number) => {
      now += seconds * 1000;
    },
  };
}

test("many who look at once are one question, and so is a second look within five seconds", async () => {
  const board = boardOf([node1]);
  const looks = await Promise.all([board.look(), board.look(), board.look()]);
  board.wait(4);
  await board.look();
  expect(board.asked).toEqual(node1.urls);
  expect(looks.map(({ free }) => free)).toEqual([1, 1, 1]);
  board.wait(2);
  await board.look();
  expect(board.asked).toHaveLength(2);
});

test("a node that falls silent is remembered, and its GPUs are free no longer", async () => {
  let isUp = true;
  const board = boardOf([node1], () =>
    isUp ? Promise.resolve(metrics(start / 1000)) : Promise.reject(new Error("no answer")),
  );
  expect((await board.look()).free).toBe(1);
  isUp = false;
  board.wait(300);
  const { free, nodes } = await board.look();
  expect(free).toBe(0);
  expect(nodes[0]).toMatchObject({
    isCurrent: false,
    why: "last heard of 5 min 0 s ago",
    gpus: [{ state: "unknown" }],
  });
});

test("one that never answers, and one of whom nothing is to be asked, keep nobody waiting", async () => {
  const silent: BoardNodeSource = { ...node1, node: "node2", urls: ["http://10.77.0.12:9100/metrics"] };
  const board = boardOf([node1, silent, { ...node1, node: "node3", urls: [] }], (url) =>
    url.includes(".12:") ? Promise.reject(new Error("refused")) : Promise.resolve(metrics(start / 1000)),
  );
  const { nodes, without } = await board.look();
  expect(nodes.map(({ node, why }) => [node, why])).toEqual([
    ["node1", ""],
    ["node2", "does not answer"],
  ]);
  expect(without).toEqual([]);
});

const attempt = (state: Partial<AttemptState>): Attempt =>
  ({ state: { stage: "ready", isLive: false, isDeployed: true, ...state } }) as Attempt;

test.each<[string, Attempt | undefined, Attempt | undefined, string]>([
  ["never installed by us", undefined, undefined, ""],
  ["ready", attempt({}), attempt({}), ""],
  [
    "armed",
    attempt({ stage: "armed", isLive: true, isDeployed: false }),
    attempt({}),
    "is about to be installed",
  ],
  [
    "deploying",
    attempt({ stage: "deploying", isLive: true, isDeployed: false }),
    undefined,
    "is being installed",
  ],
  [
    "in rescue",
    attempt({ stage: "rescue", isLive: true, isDeployed: false, purpose: "rescue" }),
    attempt({}),
    "is in rescue",
  ],
  ["being checked", attempt({ stage: "verifying", isLive: true }), attempt({}), "has its checks ahead of it"],
  [
    "not what it should be",
    attempt({ stage: "failed", cause: { message: "3 checks are red", hint: "" } }),
    attempt({ stage: "failed", cause: { message: "3 checks are red", hint: "" } }),
    "has failed: 3 checks are red",
  ],
  [
    "as it was, since an attempt failed before it wrote",
    attempt({ stage: "failed", isDeployed: false }),
    attempt({}),
    "",
  ],
])("a node that is %s", (_name, current, installed, expected) => {
  expect(whyAway(current, installed)).toBe(expected);
});
