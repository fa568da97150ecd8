import { describe, expect, test } from "vitest";
import { type Agreement, negotiate } from "./negotiate.ts";
import type { TftpPacket } from "./packet.ts";
import { shortestWaitMs } from "./retransmission-timer.ts";
import { createTransfer, type Step } from "./transfer.ts";

const agreement = (options: Record<string, string>, bytes: number): Agreement =>
  negotiate(new Map(Object.entries(options)), { bytes, maxBlockBytes: 65_464 });
const content = (bytes: number): Uint8Array =>
  Uint8Array.from({ length: bytes }, (_, index) => (index * 7 + (index >> 8)) & 0xff);
const begin = (bytes: number, options: Record<string, string> = {}) =>
  createTransfer(content(bytes), agreement(options, bytes));
const ack = (block: number): TftpPacket => ({ kind: "ack", block });
const blocksOf = ({ send }: Step): (number | string)[] =>
  send.map((packet) => (packet.kind === "data" ? packet.block : packet.kind));
const wakeAt = ({ state }: Step): number => {
  if (state.kind !== "running") throw new Error(state.kind);
  return state.wakeAtMs;
};

describe("block by block", () => {
  test("a file goes out in blocks, each after the ACK of the one before", () => {
    const transfer = begin(1200);
    expect(blocksOf(transfer.start(0))).toEqual([1]);
    expect(blocksOf(transfer.receive(ack(1), 1))).toEqual([2]);
    const last = transfer.receive(ack(2), 2);
    expect(last.send).toMatchObject([{ kind: "data", block: 3 }]);
    expect(transfer.receive(ack(3), 3)).toEqual({ send: [], state: { kind: "complete" } });
  });

  test.each([
    [0, [1]],
    [511, [1]],
    [512, [1, 2]],
    [1024, [1, 2, 3]],
  ])("a file of %i bytes has blocks %j: the last one is short, if need be empty", (bytes, blocks) => {
    const transfer = begin(bytes);
    const seen = blocksOf(transfer.start(0));
    for (const block of blocks.slice(0, -1)) seen.push(...blocksOf(transfer.receive(ack(block), 0)));
    expect(seen).toEqual(blocks);
    expect(transfer.receive(ack(blocks.length), 0).state.kind).toBe("complete");
  });

  test("options are acknowledged before the first block, by ACK 0", () => {
    const transfer = begin(1200, { blksize: "1000", tsize: "0" });
    expect(transfer.start(0).send).toEqual([
      {
        kind: "oack",
        options: new Map([
          ["blksize", "1000"],
          ["tsize", "1200"],
        ]),
      },
    ]);
    expect(blocksOf(transfer.receive(ack(0), 1))).toEqual([1]);
  });

  test("a block number wraps from 65535 to 0", () => {
    const transfer = createTransfer(new Uint8Array(70_000 * 8), agreement({ blksize: "8" }, 70_000 * 8));
    transfer.start(0);
    let step = transfer.receive(ack(0), 0);
    const seen: (number | string)[] = [];
    for (let block = 1; block <= 65_538; block += 1) {
      seen.push(...blocksOf(step));
      step = transfer.receive(ack(block & 0xffff), 0);
    }
    expect(seen.slice(-4)).toEqual([65535, 0, 1, 2]);
  });

  test("a doubled ACK is not answered: else every block would go out twice from then on", () => {
    const transfer = begin(2000);
    transfer.start(0);
    expect(blocksOf(transfer.receive(ack(1), 1))).toEqual([2]);
    expect(blocksOf(transfer.receive(ack(1), 2))).toEqual([]);
  });

  test("an ACK of what was never sent, or of long ago, changes nothing", () => {
    const transfer = begin(5000);
    transfer.start(0);
    transfer.receive(ack(1), 0);
    transfer.receive(ack(2), 0);
    for (const block of [9, 4, 1, 0, 65535]) expect(blocksOf(transfer.receive(ack(block), 0))).toEqual([]);
    expect(blocksOf(transfer.receive(ack(3), 0))).toEqual([4]);
  });

  test.each<TftpPacket>([
    { kind: "data", block: 1, data: new Uint8Array() },
    { kind: "oack", options: new Map() },
    { kind: "read", filename: "a", mode: "octet", options: new Map() },
  ])("a $kind from the client changes nothing", (packet) => {
    const transfer = begin(2000);
    transfer.start(0);
    expect(blocksOf(transfer.receive(packet, 1))).toEqual([]);
    expect(blocksOf(transfer.receive(ack(1), 2))).toEqual([2]);
  });
});

describe("the end", () => {
  test("an ERROR of the client ends it, with what the client said", () => {
    const transfer = begin(2000, { tsize: "0" });
    transfer.start(0);
    const state = { kind: "aborted", code: 8, message: "User aborted the transfer" };
    expect(transfer.receive({ kind: "error", code: 8, message: "User aborted the transfer" }, 1)).toEqual({
      send: [],
      state,
    });
    expect(transfer.receive(ack(0), 2)).toEqual({ send: [], state });
    expect(transfer.wake(60_000)).toEqual({ send: [], state });
  });

  test("a client that falls silent is given up after 7 repetitions with growing waits", () => {
    const transfer = begin(2000);
    let step = transfer.start(0);
    const waits: number[] = [];
    let now = 0;
    while (step.state.kind === "running") {
      waits.push(wakeAt(step) - now);
      now = wakeAt(step);
      step = transfer.wake(now);
    }
    expect(step.state.kind).toBe("client-silent");
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 4_000, 4_000, 4_000, 4_000]);
    expect(transfer.resentBlocks()).toBe(7);
  });
});

describe("time", () => {
  test("waking before the time changes nothing", () => {
    const transfer = begin(2000);
    expect(blocksOf(transfer.wake(wakeAt(transfer.start(0)) - 1))).toEqual([]);
  });

  test("the wait follows the round trips, but is never below the floor", () => {
    const slow = begin(512 * 50);
    const fast = begin(512 * 50);
    slow.start(0);
    fast.start(0);
    let slowStep: Step | undefined;
    let fastStep: Step | undefined;
    for (let block = 1; block <= 40; block += 1) {
      slowStep = slow.receive(ack(block), block * 800);
      fastStep = fast.receive(ack(block), block * 2);
    }
    expect(wakeAt(slowStep as Step) - 40 * 800).toBeGreaterThan(800);
    expect(wakeAt(slowStep as Step) - 40 * 800).toBeLessThan(900);
    expect(wakeAt(fastStep as Step) - 40 * 2).toBe(shortestWaitMs);
  });

  test("a repeated block says nothing about round trips (Karn)", () => {
    const transfer = begin(512 * 10);
    transfer.start(0);
    transfer.receive(ack(1), 10);
    transfer.wake(10 + 500);
    // The ACK comes 3 s later: of which of the two blocks is not known.
    expect(wakeAt(transfer.receive(ack(2), 3_000)) - 3_000).toBe(shortestWaitMs);
  });

  test("the client's timeout option bounds the wait", () => {
    const transfer = begin(2000, { timeout: "1" });
    let step = transfer.start(0);
    for (let tries = 0; tries < 4; tries += 1) step = transfer.wake(wakeAt(step));
    const before = wakeAt(step);
    expect(wakeAt(transfer.wake(before)) - before).toBe(1_000);
  });
});

describe("windows", () => {
  const windowed = (blocks: number) => begin(512 * blocks - 1, { windowsize: "4" });

  test("four blocks go out at once, and the next four after the ACK of the last", () => {
    const transfer = windowed(6);
    transfer.start(0);
    expect(blocksOf(transfer.receive(ack(0), 0))).toEqual([1, 2, 3, 4]);
    expect(blocksOf(transfer.receive(ack(4), 1))).toEqual([5, 6]);
    expect(transfer.receive(ack(6), 2).state.kind).toBe("complete");
  });

  test("an ACK from the middle sends a window from there on, after a moment", () => {
    const transfer = windowed(9);
    transfer.start(0);
    transfer.receive(ack(0), 0);
    const gap = transfer.receive(ack(2), 1);
    expect(blocksOf(gap)).toEqual([]);
    expect(wakeAt(gap)).toBe(3);
    expect(blocksOf(transfer.wake(3))).toEqual([3, 4, 5, 6]);
    expect(transfer.resentBlocks()).toBe(2);
  });

  test("of several reports of a gap the last one counts", () => {
    const transfer = windowed(9);
    transfer.start(0);
    transfer.receive(ack(0), 0);
    transfer.receive(ack(1), 1);
    transfer.receive(ack(2), 1.5);
    expect(blocksOf(transfer.wake(3))).toEqual([]);
    expect(blocksOf(transfer.wake(3.5))).toEqual([3, 4, 5, 6]);
  });

  test("the same ACK again says that the window's first block is lost", () => {
    const transfer = windowed(9);
    transfer.start(0);
    transfer.receive(ack(0), 0);
    transfer.receive(ack(4), 1);
    transfer.receive(ack(4), 2);
    expect(blocksOf(transfer.wake(4))).toEqual([5, 6, 7, 8]);
    expect(blocksOf(transfer.receive(ack(8), 5))).toEqual([9]);
  });

  test("the same ACK again, from before the window was sent, says nothing", () => {
    const transfer = windowed(20);
    transfer.start(0);
    transfer.receive(ack(0), 100);
    const sent = transfer.receive(ack(4), 200);
    expect(transfer.receive(ack(4), 201)).toEqual({ send: [], state: sent.state });
  });

  test("silence brings one block again, longer silence the whole window", () => {
    const transfer = windowed(9);
    transfer.start(0);
    const sent = transfer.receive(ack(0), 0);
    const once = transfer.wake(wakeAt(sent));
    expect(blocksOf(once)).toEqual([1]);
    expect(blocksOf(transfer.wake(wakeAt(once)))).toEqual([1, 2, 3, 4]);
  });
});
