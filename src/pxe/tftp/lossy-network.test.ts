import { describe, expect, test } from "vitest";
import { negotiate } from "./negotiate.ts";
import type { TftpPacket } from "./packet.ts";
import { createTransfer, type Step } from "./transfer.ts";

type Network = {
  readonly lossPercent: number;
  readonly doublePercent: number;
  /** Milliseconds, each way. */
  readonly delayMs: (random: () => number) => number;
};

/** A client by RFC 7440: acknowledges full windows, gaps and, when nothing comes for a second, what it has. */
function createClient(windowBlocks: number, blockBytes: number, answersDoubles: boolean) {
  const received: Uint8Array[] = [];
  let inWindow = 0;
  let reported = -1;
  return {
    received,
    receive: (packet: TftpPacket): number | undefined => {
      if (packet.kind === "oack") return received.length === 0 ? 0 : undefined;
      if (packet.kind !== "data") return undefined;
      const expected = received.length + 1;
      if (packet.block !== (expected & 0xffff)) {
        inWindow = 0;
        if (!answersDoubles && reported === received.length) return undefined;
        reported = received.length;
        return received.length & 0xffff;
      }
      received.push(packet.data);
      inWindow += 1;
      if (inWindow < windowBlocks && packet.data.length === blockBytes) return undefined;
      inWindow = 0;
      return received.length & 0xffff;
    },
    idle: (): number => received.length & 0xffff,
  };
}

/** Runs a transfer over a simulated network, in simulated time. */
function simulate(
  bytes: number,
  windowBlocks: number,
  network: Network,
  seed: number,
  answersDoubles = true,
) {
  let state = seed;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const content = Uint8Array.from({ length: bytes }, (_, index) => (index * 31 + (index >> 9)) & 0xff);
  const blockBytes = 512;
  const options = new Map([
    ["windowsize", String(windowBlocks)],
    ["blksize", String(blockBytes)],
  ]);
  const transfer = createTransfer(content, negotiate(options, { bytes, maxBlockBytes: 1468 }));
  const client = createClient(windowBlocks, blockBytes, answersDoubles);
  const events: { at: number; run: () => void }[] = [];
  let now = 0;
  let timer = 0;
  let lastHeard = 0;
  let end: Step["state"] | undefined;
  const at = (time: number, run: () => void): void => {
    let index = events.length;
    while (index > 0 && (events[index - 1] as { at: number }).at > time) index -= 1;
    events.splice(index, 0, { at: time, run });
  };
  const travel = (arrive: () => void): void => {
    if (random() * 100 < network.lossPercent) return;
    at(now + network.delayMs(random), arrive);
    if (random() * 100 < network.doublePercent) at(now + network.delayMs(random), arrive);
  };
  const clientSends = (block: number | undefined): void => {
    if (block !== undefined) travel(() => follow(transfer.receive({ kind: "ack", block }, now)));
  };
  const follow = (step: Step): void => {
    for (const packet of step.send) {
      travel(() => {
        lastHeard = now;
        clientSends(client.receive(packet));
      });
    }
    if (step.state.kind === "running") {
      const { wakeAtMs } = step.state;
      timer += 1;
      const own = timer;
      at(wakeAtMs, () => {
        if (own === timer) follow(transfer.wake(now));
      });
    } else end ??= step.state;
  };
  const clientTimer = (): void => {
    if (now - lastHeard >= 1_000) clientSends(client.idle());
    at(now + 1_000, clientTimer);
  };
  at(1_000, clientTimer);
  follow(transfer.start(0));
  for (let steps = 0; end === undefined && steps < 200_000; steps += 1) {
    const event = events.shift();
    if (event === undefined) break;
    now = event.at;
    event.run();
  }
  const whole = Buffer.concat(client.received);
  return {
    end: end?.kind,
    isWhole: Buffer.compare(whole, content) === 0,
    ms: now,
    resent: transfer.resentBlocks(),
  };
}

const steady = () => 1;
const jittery = (random: () => number) => 1 + random() * 40;
/** Now and then later than the server waits. */
const late = (random: () => number) => (random() < 0.02 ? 700 : 2);

describe.each([1, 4, 16, 64])("a window of %i", (windowBlocks) => {
  test("without loss nothing is sent twice", () => {
    const result = simulate(100_000, windowBlocks, { lossPercent: 0, doublePercent: 0, delayMs: steady }, 1);
    expect(result).toMatchObject({ end: "complete", isWhole: true, resent: 0 });
  });

  test.each<[string, Network]>([
    ["1 % lost", { lossPercent: 1, doublePercent: 0, delayMs: steady }],
    ["10 % lost", { lossPercent: 10, doublePercent: 0, delayMs: steady }],
    ["10 % doubled", { lossPercent: 0, doublePercent: 10, delayMs: steady }],
    ["out of order", { lossPercent: 0, doublePercent: 0, delayMs: jittery }],
    ["late", { lossPercent: 0, doublePercent: 0, delayMs: late }],
    ["all of it", { lossPercent: 3, doublePercent: 3, delayMs: jittery }],
  ])("the file arrives whole: %s", (_name, network) => {
    for (let seed = 1; seed <= 10; seed += 1) {
      expect(simulate(100_000, windowBlocks, network, seed)).toMatchObject({
        end: "complete",
        isWhole: true,
      });
    }
  });

  test("also to a client that says nothing when a block comes twice", () => {
    for (let seed = 1; seed <= 10; seed += 1) {
      const network = { lossPercent: 3, doublePercent: 0, delayMs: steady };
      expect(simulate(100_000, windowBlocks, network, seed, false)).toMatchObject({
        end: "complete",
        isWhole: true,
      });
    }
  });
});

test("1 % of loss costs a transfer of 1 MB some seconds, not a second per lost block", () => {
  const network = { lossPercent: 1, doublePercent: 0, delayMs: steady };
  const times = Array.from({ length: 9 }, (_, seed) => simulate(1_000_000, 1, network, seed + 1).ms).sort(
    (a, b) => a - b,
  );
  // 1954 blocks and as many ACKs lose about 39: at a fixed second each that would be 39 s and the 4 s of round trips.
  expect(times[4]).toBeLessThan(16_000);
});

test("blocks that come too late bring everything twice at most", () => {
  const overtaken = (random: () => number) => (random() < 0.01 ? 3 : 1);
  for (let seed = 1; seed <= 5; seed += 1) {
    const network = { lossPercent: 0, doublePercent: 0, delayMs: overtaken };
    // 1954 blocks. A window for each ACK of a block that came twice would make it more with each window.
    expect(simulate(1_000_000, 16, network, seed).resent).toBeLessThan(2 * 1954);
  }
});

test("doubled packets do not double the traffic from then on", () => {
  const network = { lossPercent: 0, doublePercent: 20, delayMs: steady };
  expect(simulate(500_000, 1, network, 3).resent).toBe(0);
});
