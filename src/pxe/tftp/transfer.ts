/** One file on its way to one client: packets and time go in, packets come out. RFC 1350, windows by RFC 7440. */
import type { Agreement } from "./negotiate.ts";
import type { TftpPacket } from "./packet.ts";
import { createRetransmissionTimer, type RetransmissionTimer } from "./retransmission-timer.ts";

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

export function createTransfer(content: Uint8Array, agreement: Agreement): Transfer {
  return new TftpTransfer(content, agreement);
}

/**
 * Block numbers here are absolute, so that only the wire knows of the wrap from 65535 to 0. Block 0 is the
 * OACK where there is one; the last block is short, if need be empty.
 */
class TftpTransfer implements Transfer {
  readonly #content: Uint8Array;
  readonly #agreement: Agreement;
  readonly #timer: RetransmissionTimer;
  readonly #lastBlock: number;
  /** Everything up to here has been acknowledged. -1: the OACK has not. */
  #acknowledged: number;
  /** The last block of the window on its way. */
  #sent: number;
  #sentAtMs = 0;
  #wakeAtMs = 0;
  #tries = 0;
  #resent = 0;
  /** Whether some of what is on its way was sent before: its ACK says nothing about the round trip. */
  #wasResent = false;
  /** The client reported that something of the window is missing, and has not been answered yet. */
  #isGapReported = false;
  #end: TransferState | undefined;

  constructor(content: Uint8Array, agreement: Agreement) {
    this.#content = content;
    this.#agreement = agreement;
    this.#timer = createRetransmissionTimer(agreement.longestWaitMs);
    this.#lastBlock = Math.floor(content.length / agreement.blockBytes) + 1;
    this.#acknowledged = agreement.accepted.size > 0 ? -1 : 0;
    this.#sent = this.#acknowledged;
  }

  start(nowMs: number): Step {
    return this.#sendWindow(nowMs);
  }

  receive(packet: TftpPacket, nowMs: number): Step {
    if (this.#end !== undefined) return this.#step([]);
    if (packet.kind === "ack") return this.#acknowledge(packet.block, nowMs);
    if (packet.kind !== "error") return this.#step([]);
    return this.#finish({ kind: "aborted", code: packet.code, message: packet.message });
  }

  wake(nowMs: number): Step {
    if (this.#end !== undefined || nowMs < this.#wakeAtMs) return this.#step([]);
    if (this.#isGapReported) return this.#sendWindow(nowMs);
    this.#tries += 1;
    if (this.#tries > mostTries) return this.#finish({ kind: "client-silent" });
    this.#timer.backOff();
    // One block is enough to bring a lost ACK back, and does not flood a client that is merely slow. A client
    // that lost the whole window and stays silent gets all of it the second time.
    if (this.#tries > 1) return this.#sendWindow(nowMs);
    this.#wasResent = true;
    this.#resent += 1;
    this.#waitFrom(nowMs);
    return this.#step([this.#packetOf(this.#acknowledged + 1)]);
  }

  isWaitingAgain(): boolean {
    return this.#tries > 0;
  }

  resentBlocks(): number {
    return this.#resent;
  }

  #acknowledge(wireBlock: number, nowMs: number): Step {
    // How far beyond the last acknowledged block, modulo the wrap. The OACK, block 0, is waited for at -1.
    const advance = (wireBlock - this.#acknowledged) & 0xffff;
    const block = this.#acknowledged + advance;
    if (block > this.#sent) return this.#step([]);
    if (advance === 0) return this.#acknowledgeAgain(nowMs);
    if (block === this.#sent && !this.#wasResent) this.#timer.sample(nowMs - this.#sentAtMs);
    this.#timer.settle();
    this.#tries = 0;
    this.#acknowledged = block;
    if (block === this.#lastBlock) return this.#finish({ kind: "complete" });
    return block === this.#sent ? this.#sendWindow(nowMs) : this.#awaitGap(nowMs);
  }

  /**
   * Without a window a repeated ACK must not be answered: every block would go out twice from then on
   * (Sorcerer's Apprentice). With one, its first block is lost, unless the ACK is from before it was sent.
   */
  #acknowledgeAgain(nowMs: number): Step {
    const isStale = nowMs - this.#sentAtMs < this.#timer.roundTripMs() / 2;
    const isNothingOut = this.#sent === this.#acknowledged;
    return this.#agreement.windowBlocks === 1 || isNothingOut || isStale
      ? this.#step([])
      : this.#awaitGap(nowMs);
  }

  /**
   * An ACK from the middle of a window: what came after it is lost, and the client waits for a window from there
   * on (RFC 7440 section 4). It says so again for each block that it cannot use, so the last of these ACKs counts:
   * a window for each would bring as many unusable blocks, and never end.
   */
  #awaitGap(nowMs: number): Step {
    this.#isGapReported = true;
    this.#wakeAtMs = nowMs + Math.max(shortestGapWaitMs, this.#timer.roundTripMs());
    return this.#step([]);
  }

  /** Sends the window that begins after what was acknowledged. The OACK travels alone. */
  #sendWindow(nowMs: number): Step {
    const from = this.#acknowledged + 1;
    const to = from === 0 ? 0 : Math.min(this.#acknowledged + this.#agreement.windowBlocks, this.#lastBlock);
    this.#wasResent = from <= this.#sent;
    this.#resent += Math.max(0, Math.min(this.#sent, to) - from + 1);
    this.#sent = to;
    this.#isGapReported = false;
    this.#waitFrom(nowMs);
    return this.#step(Array.from({ length: to - from + 1 }, (_, index) => this.#packetOf(from + index)));
  }

  #packetOf(block: number): TftpPacket {
    const { accepted, blockBytes } = this.#agreement;
    if (block === 0) return { kind: "oack", options: accepted };
    const data = this.#content.subarray((block - 1) * blockBytes, block * blockBytes);
    return { kind: "data", block: block & 0xffff, data };
  }

  #waitFrom(nowMs: number): void {
    this.#sentAtMs = nowMs;
    this.#wakeAtMs = nowMs + this.#timer.waitMs();
  }

  #step(send: readonly TftpPacket[]): Step {
    return { send, state: this.#end ?? { kind: "running", wakeAtMs: this.#wakeAtMs } };
  }

  #finish(state: TransferState): Step {
    this.#end = state;
    return this.#step([]);
  }
}
