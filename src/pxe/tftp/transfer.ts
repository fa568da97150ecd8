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
  let wentBack = false;
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
    waitFrom(nowMs);
    return step(Array.from({ length: to - from + 1 }, (_, index) => packetOf(from + index)));
  };
  const acknowledge = (wireBlock: number, nowMs: number): Step => {
    // How far beyond the last acknowledged block, modulo the wrap. The OACK, block 0, is waited for at -1.
    const advance = (wireBlock - acknowledged) & 0xffff;
    const block = acknowledged + advance;
    if (block > sent) return step([]);
    if (advance === 0) {
      // A window's first block is lost when the same ACK comes again. Once is enough: the client repeats it for
      // each later block. Without a window a repeated ACK must not be answered (Sorcerer's Apprentice).
      if (windowBlocks === 1 || wentBack || sent === acknowledged) return step([]);
      wentBack = true;
      return sendWindow(nowMs);
    }
    if (block === sent && !wasResent) timer.sample(nowMs - sentAtMs);
    timer.settle();
    tries = 0;
    acknowledged = block;
    if (block === lastBlock) return finish({ kind: "complete" });
    // An ACK from the middle of a window: what came after it is lost (RFC 7440 section 4).
    wentBack = block < sent;
    return sendWindow(nowMs);
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
      tries += 1;
      if (tries > mostTries) return finish({ kind: "client-silent" });
      timer.backOff();
      wasResent = true;
      wentBack = false;
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
