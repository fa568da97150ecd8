/** One file on its way to one client: packets and time go in, packets come out. RFC 1350, windows by RFC 7440. */
import type { Agreement } from "./negotiate.ts";
import type { TftpPacket } from "./packet.ts";
import { createRetransmissionTimer } from "./retransmission-timer.ts";

export type TransferState =
  | { readonly kind: "running"; readonly wakeAtMs: number }
  | { readonly kind: "complete" }
  /** The client sent ERROR. */
  | { readonly kind: "aborted"; readonly code: number; readonly message: string }
  /** No ACK came although the outstanding block was sent again and again. */
  | { readonly kind: "client-silent" };

export type Step = { readonly send: readonly TftpPacket[]; readonly state: TransferState };

/** `nowMs`: a monotonic clock. */
export type Transfer = {
  start(nowMs: number): Step;
  /** A packet from the client's own transfer id. */
  receive(packet: TftpPacket, nowMs: number): Step;
  /** To be called at `wakeAtMs`; earlier calls change nothing. */
  wake(nowMs: number): Step;
  /** Whether the client has been silent since the last block was first sent. */
  isWaitingAgain(): boolean;
  resentBlocks(): number;
};

/** With doubling waits this is about 20 seconds of silence. Our choice: ROMs have long given up by then. */
const mostTries = 7;

/** How long reports of one gap are collected, or a round trip where that is longer. Milliseconds. */
const shortestGapWaitMs = 2;

/**
 * Block numbers here are absolute, so that only the wire knows of the wrap from 65535 to 0. Block 0 is the
 * OACK where there is one; the last block is short, if need be empty.
 */
export function createTransfer(content: Uint8Array, agreement: Agreement): Transfer {
  const { blockBytes, windowBlocks, accepted } = agreement;
  const lastBlock = Math.floor(content.length / blockBytes) + 1;
  const timer = createRetransmissionTimer(agreement.longestWaitMs);
  /** Everything up to here has been acknowledged. -1: the OACK has not. */
  let acknowledged = accepted.size > 0 ? -1 : 0;
  /** The last block of the window on its way. */
  let sent = acknowledged;
  let sentAtMs = 0;
  let wakeAtMs = 0;
  let tries = 0;
  let resent = 0;
  let wasResent = false;
  /** The client reported that something of the window is missing, and has not been answered yet. */
  let isGapReported = false;
  let end: TransferState | undefined;

  const packetOf = (block: number): TftpPacket =>
    block === 0
      ? { kind: "oack", options: accepted }
      : {
          kind: "data",
          block: block & 0xffff,
          data: content.subarray((block - 1) * blockBytes, block * blockBytes),
        };
  const step = (send: readonly TftpPacket[]): Step => ({
    send,
    state: end ?? { kind: "running", wakeAtMs },
  });
  const finish = (state: TransferState): Step => {
    end = state;
    return step([]);
  };
  const waitFrom = (nowMs: number): void => {
    sentAtMs = nowMs;
    wakeAtMs = nowMs + timer.waitMs();
  };
  /** Sends the window that begins after what was acknowledged. The OACK travels alone. */
  const sendWindow = (nowMs: number): Step => {
    const from = acknowledged + 1;
    const to = from === 0 ? 0 : Math.min(acknowledged + windowBlocks, lastBlock);
    wasResent = from <= sent;
    resent += Math.max(0, Math.min(sent, to) - from + 1);
    sent = to;
    isGapReported = false;
    waitFrom(nowMs);
    return step(Array.from({ length: to - from + 1 }, (_, index) => packetOf(from + index)));
  };
  const acknowledge = (wireBlock: number, nowMs: number): Step => {
    // How far beyond the last acknowledged block, modulo the wrap. The OACK, block 0, is waited for at -1.
    const advance = (wireBlock - acknowledged) & 0xffff;
    const block = acknowledged + advance;
    if (block > sent) return step([]);
    if (advance === 0) {
      // Without a window a repeated ACK must not be answered: every block would go out twice from then on
      // (Sorcerer's Apprentice). With one, its first block is lost, unless the ACK is from before it was sent.
      const isStale = nowMs - sentAtMs < timer.roundTripMs() / 2;
      return windowBlocks === 1 || sent === acknowledged || isStale ? step([]) : awaitGap(nowMs);
    }
    if (block === sent && !wasResent) timer.sample(nowMs - sentAtMs);
    timer.settle();
    tries = 0;
    acknowledged = block;
    if (block === lastBlock) return finish({ kind: "complete" });
    return block === sent ? sendWindow(nowMs) : awaitGap(nowMs);
  };
  /**
   * An ACK from the middle of a window: what came after it is lost, and the client waits for a window from there
   * on (RFC 7440 section 4). It says so again for each block that it cannot use, so the last of these ACKs counts:
   * a window for each would bring as many unusable blocks, and never end.
   */
  const awaitGap = (nowMs: number): Step => {
    isGapReported = true;
    wakeAtMs = nowMs + Math.max(shortestGapWaitMs, timer.roundTripMs());
    return step([]);
  };

  return {
    start: sendWindow,
    receive: (packet, nowMs) => {
      if (end !== undefined) return step([]);
      if (packet.kind === "ack") return acknowledge(packet.block, nowMs);
      if (packet.kind === "error")
        return finish({ kind: "aborted", code: packet.code, message: packet.message });
      return step([]);
    },
    wake: (nowMs) => {
      if (end !== undefined || nowMs < wakeAtMs) return step([]);
      if (isGapReported) return sendWindow(nowMs);
      tries += 1;
      if (tries > mostTries) return finish({ kind: "client-silent" });
      timer.backOff();
      wasResent = true;
      // One block is enough to bring a lost ACK back, and does not flood a client that is merely slow. A client
      // that lost the whole window and stays silent gets all of it the second time.
      if (tries > 1) return sendWindow(nowMs);
      resent += 1;
      waitFrom(nowMs);
      return step([packetOf(acknowledged + 1)]);
    },
    isWaitingAgain: () => tries > 0,
    resentBlocks: () => resent,
  };
}
