/** What a node says of its GPUs: nothing but a card that was asked, is well and is empty may read as free. */
import { describe, expect, test } from "vitest";
import { readSamples } from "./exposition.ts";
import { readNodeGpus } from "./node-gpus.ts";

const now = new Date("2026-11-29T12:00:00Z");
const nowSeconds = now.getTime() / 1000;
const gib = 1024 ** 3;

type Card = { processes?: number; usedBytes?: number; remap?: string; users?: string };

function cardText(
  index: number,
  { processes = 0, usedBytes = 57_671_680, remap = "", users = "" }: Card,
): string {
  const labels = `gpu="${index}",uuid="GPU-${index}"`;
  return `imagectl_gpu_info{${labels},name="NVIDIA H200",driver="590.48.01"} 1
imagectl_gpu_processes{${labels}} ${processes}
imagectl_gpu_utilization_ratio{${labels}} 0.97
imagectl_gpu_memory_used_bytes{${labels}} ${usedBytes}
imagectl_gpu_memory_total_bytes{${labels}} ${140 * gib}
imagectl_gpu_temperature_celsius{${labels}} 66
${remap === "" ? "" : `imagectl_gpu_row_remap{${labels},state="${remap}"} 1`}
${users}`;
}

function nodeText(
  cards: readonly string[],
  more: { expected?: number; gpus?: 0 | 1; processes?: 0 | 1 } = {},
): string {
  return `# HELP imagectl_gpu_query_success Whether this could be asked.
imagectl_gpu_query_success{query="gpus"} ${more.gpus ?? 1}
imagectl_gpu_query_success{query="processes"} ${more.processes ?? 1}
imagectl_gpu_query_timestamp_seconds ${nowSeconds - 4}
imagectl_gpus_expected ${more.expected ?? cards.length}
node_time_seconds ${nowSeconds}
${cards.join("\n")}`;
}

const states = (text: string) => readNodeGpus(text, now)?.gpus.map(({ state, why }) => `${state}: ${why}`);

test("samples are read with their labels, and what is no sample is left out", () => {
  const text = `node_a{x="1"} 1
imagectl_gpu_info{gpu="0",name="a \\"b\\" \\\\ c\\nd"} 1
imagectl_gpus 8 1764380000000
imagectl_gpu_broken{gpu="0" 1
imagectl_gpu_word nothing
imagectl_gpu_empty`;
  expect(readSamples(text, ["imagectl_gpu"])).toEqual([
    { name: "imagectl_gpu_info", labels: { gpu: "0", name: 'a "b" \\ c\nd' }, value: 1 },
    { name: "imagectl_gpus", labels: {}, value: 8 },
  ]);
});

test("any bytes are read without an error", () => {
  const bytes = Array.from({ length: 3_000 }, (_unused, index) =>
    String.fromCodePoint((index * 7919) % 256),
  ).join("");
  const lines = bytes.replaceAll("\n", '\nimagectl_gpu_info{gpu="');
  expect(() => readNodeGpus(`imagectl_gpu_query_timestamp_seconds 1\n${lines}`, now)).not.toThrow();
});

test("a node without a word of GPUs is told from one that has none", () => {
  expect(readNodeGpus("node_load1 0.5", now)).toBeUndefined();
  expect(readNodeGpus(nodeText([]), now)).toEqual({ ageSeconds: 4, gpus: [] });
});

test("an empty card is free, one with processes is its users'", () => {
  const who = 'gpu="1",uuid="GPU-1",user="alice",command="train.py",job="4711",container=""';
  const users = `imagectl_gpu_user_processes{${who}} 2
imagectl_gpu_user_memory_bytes{${who}} 1048576
imagectl_gpu_user_start_timestamp_seconds{${who}} ${nowSeconds - 3_600}`;
  const cards = [cardText(0, {}), cardText(1, { processes: 2, users })];
  const gpus = readNodeGpus(nodeText(cards), now)?.gpus;
  expect(gpus?.map(({ state }) => state)).toEqual(["free", "busy"]);
  expect(gpus?.[0]?.users).toEqual([]);
  expect(gpus?.[1]).toMatchObject({
    index: "1",
    model: "NVIDIA H200",
    utilization: 0.97,
    temperatureCelsius: 66,
    users: [
      {
        user: "alice",
        command: "train.py",
        job: "4711",
        container: "",
        processes: 2,
        memoryBytes: 1_048_576,
        startedAt: "2026-11-29T11:00:00.000Z",
      },
    ],
  });
});

test("cards are in the order of their numbers, also beyond nine", () => {
  const cards = [10, 2, 0].map((index) => cardText(index, {}));
  expect(readNodeGpus(nodeText(cards), now)?.gpus.map(({ index }) => index)).toEqual(["0", "2", "10"]);
});

describe("what is not known to be free is not free", () => {
  test.each<[string, string, string[]]>([
    [
      "who uses it could not be asked",
      nodeText([cardText(0, {}).replace(/imagectl_gpu_processes.*/, "")], { processes: 0 }),
      ["unknown: who uses it could not be asked"],
    ],
    [
      "the number of processes is not there",
      nodeText([cardText(0, {}).replace(/imagectl_gpu_processes.*/, "")]),
      ["unknown: who uses it could not be asked"],
    ],
    [
      "memory is taken by nobody that is seen",
      nodeText([cardText(0, { usedBytes: 20 * gib })]),
      ["unknown: its memory is in use, and no process is seen"],
    ],
    [
      "broken rows wait",
      nodeText([cardText(0, { remap: "pending" })]),
      ["unusable: needs a reset: broken rows of memory"],
    ],
    ["it is worn out", nodeText([cardText(0, { remap: "failed" })]), ["unusable: its memory is worn out"]],
    [
      "one of two does not answer",
      nodeText([cardText(0, {})], { expected: 2 }),
      ["free: ", "unusable: does not answer"],
    ],
    [
      "nvidia-smi fails",
      nodeText([], { expected: 2, gpus: 0, processes: 0 }),
      ["unknown: nvidia-smi fails", "unknown: nvidia-smi fails"],
    ],
  ])("%s", (_name, text, expected) => {
    expect(states(text)).toEqual(expected);
  });

  test("a sick card with a job on it is its user's, and says that it is sick", () => {
    expect(states(nodeText([cardText(0, { processes: 1, remap: "pending" })]))).toEqual([
      "busy: needs a reset: broken rows of memory",
    ]);
  });

  test("a node that promises a million cards gets 64", () => {
    expect(states(nodeText([], { expected: 1_000_000 }))).toHaveLength(64);
  });
});

test("how old the answers are goes by the node's own clock, if it tells it", () => {
  const text = nodeText([cardText(0, {})]);
  const yearsLater = new Date("2029-01-01T00:00:00Z");
  expect(readNodeGpus(text, yearsLater)?.ageSeconds).toBe(4);
  const silent = text.replace(/node_time_seconds.*/, "");
  expect(readNodeGpus(silent, new Date(now.getTime() + 60_000))?.ageSeconds).toBe(64);
});
