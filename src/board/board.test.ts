/** The board: what is old, or of a node that nobody can use, is never free. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { packageRoot } from "../paths.ts";
import { type AskedNode, type Heard, makeBoard } from "./board.ts";
import { busyGpu, exampleUser, freeGpu } from "./example-gpus.ts";
import type { Gpu } from "./node-gpus.ts";
import { boardPage, headlineOf } from "./page.ts";

const now = new Date("2026-11-29T12:00:00Z");
const ago = (seconds: number): Date => new Date(now.getTime() - seconds * 1000);

const asked = (node: string, away = ""): AskedNode => ({ node, group: "gpu", away });
const heard = (seconds: number, gpus: readonly Gpu[] = [freeGpu, busyGpu], ageSeconds = 5): Heard => ({
  at: ago(seconds),
  gpus: { ageSeconds, gpus },
});

test("what was heard now is shown as it is", () => {
  const board = makeBoard([asked("node1")], new Map([["node1", heard(3)]]), now);
  expect(board).toEqual({
    madeAt: "2026-11-29T12:00:00.000Z",
    free: 1,
    total: 2,
    nodes: [{ node: "node1", group: "gpu", isCurrent: true, why: "", gpus: [freeGpu, busyGpu] }],
    without: [],
  });
});

test.each([
  ["the node has been silent", heard(600)],
  ["its reporter has, though the node answers", heard(2, [freeGpu, busyGpu], 598)],
])("nothing is free when %s for ten minutes, and its last users are still named", (_name, last) => {
  const { free, total, nodes } = makeBoard([asked("node1")], new Map([["node1", last]]), now);
  expect([free, total]).toEqual([0, 2]);
  expect(nodes[0]).toMatchObject({
    isCurrent: false,
    why: expect.stringMatching(/^last heard of 10 min [05] s ago$/),
  });
  expect(nodes[0]?.gpus.map(({ state }) => state)).toEqual(["unknown", "unknown"]);
  expect(nodes[0]?.gpus[1]?.users).toEqual(busyGpu.users);
});

test("a node that is about to be installed has nothing free, and its jobs are shown", () => {
  const { free, nodes } = makeBoard(
    [asked("node1", "is about to be installed")],
    new Map([["node1", heard(1)]]),
    now,
  );
  expect(free).toBe(0);
  expect(nodes[0]?.why).toBe("is about to be installed");
  expect(nodes[0]?.gpus.map(({ state }) => state)).toEqual(["unusable", "busy"]);
});

test("a node that never answered is on the board, one that knows nothing of GPUs is below it", () => {
  const { nodes, without } = makeBoard(
    [asked("node1"), asked("node2", "is being installed"), asked("login")],
    new Map([["login", { at: now, gpus: undefined }]]),
    now,
  );
  expect(nodes.map(({ node, why }) => `${node} ${why}`)).toEqual([
    "node1 does not answer",
    "node2 is being installed",
  ]);
  expect(without).toEqual(["login"]);
});

test("a headline counts", () => {
  expect(headlineOf({ free: 0, total: 0 })).toBe("No GPU is known");
  expect(headlineOf({ free: 1, total: 8 })).toBe("1 of 8 GPUs is free");
  expect(headlineOf({ free: 2, total: 8 })).toBe("2 of 8 GPUs are free");
});

const template = readFileSync(join(packageRoot, "templates/board/board.html.hbs"), "utf8");

test("the page is as expected", async () => {
  const nodes = [asked("node1"), asked("node2"), asked("node3", "is being installed"), asked("login")];
  const sick: Gpu = { ...freeGpu, state: "unusable", why: "needs a reset: broken rows of memory" };
  const last = new Map<string, Heard>([
    ["node1", heard(3, [freeGpu, busyGpu, sick])],
    ["node2", heard(900)],
    ["login", { at: now, gpus: undefined }],
  ]);
  await expect(boardPage(makeBoard(nodes, last, now), template)).toMatchFileSnapshot(
    join(packageRoot, "templates/board/cases/room.html"),
  );
});

test("what a node calls its cards and users is text on the page, and nothing else", () => {
  const hostile = "<script>alert(1)</script>\"'&";
  const user = { ...exampleUser, user: hostile, command: hostile };
  const gpu: Gpu = { ...busyGpu, index: hostile, model: hostile, why: hostile, users: [user] };
  const page = boardPage(makeBoard([asked("node1")], new Map([["node1", heard(1, [gpu])]]), now), template);
  expect(page).not.toContain("<script");
  expect(page.split("&lt;script&gt;")).toHaveLength(6);
});
