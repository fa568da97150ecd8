/** How long to wait for an ACK: from the round trips seen, RFC 6298. */

/** Nothing is sent again earlier than this. Milliseconds. 20 ms collapsed under load, 100 ms gave duplicates. */
export const shortestWaitMs = 250;
/** Before the first round trip was seen. Milliseconds. */
const firstWaitMs = 500;
/** Milliseconds. RFC 6298 section 2.5 allows any bound of at least 60 s; ROMs give up long before. */
const longestWaitMs = 4_000;

export type RetransmissionTimer = {
  /** The smoothed round trip; 0 before the first was seen. Milliseconds. */
  roundTripMs(): number;
  /** Milliseconds: the estimate, doubled for each time that it ran out in a row. */
  waitMs(): number;
  /** A round trip of a block that was sent once (Karn's rule: of one sent twice it is not known which). */
  sample(roundTripMs: number): void;
  /** It ran out. */
  backOff(): void;
  /** Something new was acknowledged. */
  settle(): void;
};

/** @param clientLongestMs the option `timeout`: what the client is prepared to wait. */
export function createRetransmissionTimer(clientLongestMs: number | undefined): RetransmissionTimer {
  const longest = Math.max(shortestWaitMs, Math.min(longestWaitMs, clientLongestMs ?? longestWaitMs));
  let smoothedMs: number | undefined;
  let variationMs = 0;
  let doublings = 0;
  return {
    roundTripMs: () => smoothedMs ?? 0,
    waitMs: () => {
      const estimate = smoothedMs === undefined ? firstWaitMs : smoothedMs + 4 * variationMs;
      return Math.min(longest, Math.max(shortestWaitMs, estimate) * 2 ** doublings);
    },
    sample: (roundTripMs) => {
      if (smoothedMs === undefined) {
        smoothedMs = roundTripMs;
        variationMs = roundTripMs / 2;
        return;
      }
      variationMs = 0.75 * variationMs + 0.25 * Math.abs(smoothedMs - roundTripMs);
      smoothedMs = 0.875 * smoothedMs + 0.125 * roundTripMs;
    },
    backOff: () => {
      doublings += 1;
    },
    settle: () => {
      doublings = 0;
    },
  };
}
