import { describe, expect, test } from "vitest";
import type { Attempt } from "../nodes/attempts.ts";
import type { Stage } from "../nodes/event.ts";
import type { NodeView, TargetList } from "../serve/operator-types.ts";
import { summarize } from "./each-node.ts";
import { selectTargets, type TargetRequest, withoutBare, withoutUnarmed } from "./targets.ts";

const view = (node: string, group: string | undefined): NodeView => ({
  node,
  group,
  address: "10.77.0.11",
  attempt: undefined,
  hasSystem: false,
});
const list: TargetList = {
  nodes: [view("node1", "gpu"), view("node2", "gpu"), view("node3", "cpu"), view("old", undefined)],
  groups: [
    { name: "gpu", method: "golden" },
    { name: "cpu", method: "golden" },
    { name: "spare", method: "golden" },
  ],
};
const request = (...words: string[]): TargetRequest => ({ words, isAll: false, command: "apply" });
const namesOf = (given: TargetRequest) => selectTargets(list, given).nodes.map(({ node }) => node);

describe("names on a command line", () => {
  test.each([
    ["a node", request("node2"), ["node2"]],
    ["a group", request("gpu"), ["node1", "node2"]],
    ["both, each node once", request("node2", "gpu", "node3"), ["node2", "node1", "node3"]],
    ["a node that left the cluster file", request("old"), ["old"]],
    [
      "--all: those of the cluster file",
      { words: [], isAll: true, command: "apply" },
      ["node1", "node2", "node3"],
    ],
  ])("%s", (_name, given, expected) => {
    expect(namesOf(given)).toEqual(expected);
  });
  test("only one node by its own name is a question about that node alone", () => {
    expect(selectTargets(list, request("node3")).isSingle).toBe(true);
    expect(selectTargets(list, request("cpu")).isSingle).toBe(false);
    expect(selectTargets(list, request("node1", "node2")).isSingle).toBe(false);
  });
  test.each([
    ["gpus", "there is no node or group gpus", "Did you mean: gpu"],
    ["node4", "there is no node or group node4", "Did you mean: node1"],
    ["spare", "the group spare has no nodes yet", "nodes.NAME.group: spare"],
  ])("%s is refused with what to do", (word, message, hint) => {
    expect(() => namesOf(request(word))).toThrow(
      expect.objectContaining({ message, hint: expect.stringContaining(hint) }),
    );
  });
});

describe("left out by itself, and said", () => {
  const at = (node: string, stage: Stage, more: { isDeployed: boolean; hasSystem: boolean }): NodeView => ({
    ...view(node, "gpu"),
    attempt: { state: { stage, isDeployed: more.isDeployed } } as Attempt,
    hasSystem: more.hasSystem,
  });
  const nodes = [
    view("bare", "gpu"),
    at("ready", "ready", { isDeployed: true, hasSystem: true }),
    at("red", "failed", { isDeployed: true, hasSystem: true }),
    at("untouched", "failed", { isDeployed: false, hasSystem: true }),
    at("wiped", "failed", { isDeployed: false, hasSystem: false }),
    at("armed", "armed", { isDeployed: false, hasSystem: true }),
    at("disarmed", "disarmed", { isDeployed: false, hasSystem: false }),
  ];
  const chosenBy = (choose: typeof withoutBare, ...named: string[]) => {
    let said = "";
    const stderr = { write: (text: string) => (said += text) };
    const io = { stdout: stderr, stderr, env: {}, isTty: false };
    const kept = choose({ nodes, isSingle: false, named: new Set(named) }, io);
    return { kept: kept.map(({ node }) => node), said };
  };
  test("what runs no system of ours; a failure before the disk was touched took none away", () => {
    expect(chosenBy(withoutBare)).toEqual({
      kept: ["ready", "red", "untouched"],
      said: "left out, not installed: bare, wiped, armed, disarmed\n",
    });
  });
  test("for a proof only what nobody wants installed", () => {
    expect(chosenBy(withoutUnarmed)).toEqual({
      kept: ["ready", "red", "untouched", "wiped", "armed"],
      said: "left out, not installed: bare, disarmed\n",
    });
  });
  test("never one that was named", () => {
    expect(chosenBy(withoutBare, "bare", "armed").said).toBe("left out, not installed: wiped, disarmed\n");
  });
});

test("the summary names those that somebody has to look at", () => {
  const outcomes = new Map([
    ["node1", { exitCode: 0, word: "applied" }],
    ["node2", { exitCode: 0, word: "applied" }],
    ["node3", { exitCode: 1, word: "failed" }],
  ]);
  expect(summarize(outcomes)).toBe("3 nodes: 2 applied, 1 failed (node3)\n");
  expect(summarize(new Map())).toBe("0 nodes\n");
});
