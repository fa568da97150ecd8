/** `imagectl gpus`: what of the board a person sees. */
import { expect, test } from "vitest";
import type { Board } from "../board/board.ts";
import { busyGpu, exampleUser, freeGpu } from "../board/example-gpus.ts";
import { formatBoard, selectFromBoard } from "./gpus.ts";

const board: Board = {
  madeAt: "2026-11-29T12:00:00.000Z",
  free: 1,
  total: 3,
  nodes: [
    {
      node: "node1",
      group: "gpu",
      isCurrent: true,
      why: "",
      gpus: [
        freeGpu,
        {
          ...busyGpu,
          users: [
            { ...exampleUser, job: "", processes: 1 },
            { ...exampleUser, user: "bob\u001b[2J", startedAt: undefined },
          ],
        },
      ],
    },
    {
      node: "node2",
      group: "old",
      isCurrent: false,
      why: "last heard of 10 min 0 s ago",
      gpus: [{ ...freeGpu, state: "unknown" }],
    },
  ],
  without: ["login"],
};

test("each card has a row, each further user one of his own, and nothing steers the terminal", () => {
  expect(formatBoard(board)).toBe(`NODE   GPU  STATE    MODEL        USE                             WHO
node1  0    free     NVIDIA H200  0 %, 57.7 MB of 151 GB, 28 °C
node1  1    busy     NVIDIA H200  97 %, 57.7 MB of 151 GB, 28 °C  alice: train.py for 3 h 20 min
                                                                  bob?[2J: train.py (2 processes, job 4711)
node2  0    unknown  NVIDIA H200  0 %, 57.7 MB of 151 GB, 28 °C

node2 last heard of 10 min 0 s ago
Without a word of GPUs: login
1 of 3 GPUs is free
`);
});

test("a group, a node or the free ones alone can be asked for, and are counted anew", () => {
  expect(selectFromBoard(board, ["old"], false)).toMatchObject({
    free: 0,
    total: 1,
    nodes: [{ node: "node2" }],
  });
  const free = selectFromBoard(board, [], true);
  expect(free).toMatchObject({ free: 1, total: 3 });
  expect(free.nodes.flatMap(({ gpus }) => gpus.map(({ state }) => state))).toEqual(["free"]);
  expect(formatBoard(selectFromBoard(board, ["login"], false))).toBe(
    "Without a word of GPUs: login\nNo GPU is known\n",
  );
});

test("a name that the board does not have is told with the nearest", () => {
  expect(() => selectFromBoard(board, ["nod1"], false)).toThrow(
    expect.objectContaining({ code: "NODE_UNKNOWN", hint: expect.stringContaining("node1") }),
  );
});
