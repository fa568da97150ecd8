/** Who may speak in a seed session: the rules of redemption and use, as pure decisions. */
import { timingSafeEqual } from "node:crypto";
import type { AttemptState } from "./event.ts";
import { hasTriesLeft } from "./reduce.ts";

/** A token as it is stored: only its SHA-256 is known once the boot script has left. */
export type Seed = {
  readonly tokenSha256: string;
  readonly attempt: number;
  /** `dead`: a newer boot script was served, or a newer token redeemed. */
  readonly status: "minted" | "redeemed" | "dead";
  /** Set when it is redeemed: the only client that it answers from then on. */
  readonly client?: SeedClient;
};

/** Who asks: the socket's address and the SHA-256 of the session key that the node made. */
export type SeedClient = { readonly address: string; readonly keySha256: string };

export type SeedRefusal =
  | "unknown-token"
  | "newer-token"
  | "other-address"
  | "other-key"
  | "not-redeemed"
  | "already-deployed"
  | "attempt-over"
  | "deadline-passed"
  | "no-tries-left";

export type SeedDecision =
  | { readonly kind: "redeem" }
  /** The same client again: its earlier answer was lost, or this is a request inside the session. */
  | { readonly kind: "granted" }
  | { readonly kind: "refused"; readonly reason: SeedRefusal };

export type SeedQuestion = {
  readonly seed: Seed;
  readonly client: SeedClient;
  /** The address that the attempt's plan gives to the node. */
  readonly nodeAddress: string;
  readonly state: AttemptState;
  readonly now: Date;
};

/** May this client open a session with this token? */
export function decideRedeem(question: SeedQuestion): SeedDecision {
  const { seed, client, state } = question;
  if (seed.status !== "minted") return decideUse(question);
  const refusal = foreignAddress(client.address, question) ?? closedAttempt(question);
  if (refusal !== undefined) return refuse(refusal);
  if (!hasTriesLeft(state)) return refuse("no-tries-left");
  return { kind: "redeem" };
}

/** May this client go on in the session of this token? */
export function decideUse(question: SeedQuestion): SeedDecision {
  const { seed, client } = question;
  if (seed.status === "dead") return refuse("newer-token");
  if (seed.status === "minted" || seed.client === undefined) return refuse("not-redeemed");
  const refusal = foreignAddress(client.address, question);
  if (refusal !== undefined) return refuse(refusal);
  if (seed.client.address !== client.address) return refuse("other-address");
  if (!equalDigests(seed.client.keySha256, client.keySha256)) return refuse("other-key");
  const closed = closedAttempt(question);
  return closed === undefined ? { kind: "granted" } : refuse(closed);
}

/** Who knows the token but has no session key: an installer, before our agent runs in it and beside it. */
export type SeedLook = Omit<SeedQuestion, "client"> & { readonly address: string };

/**
 * May it be heard, and be given its answers? Also once it is deployed: an installer goes on after our last command.
 * @returns the refusal; undefined: it may.
 */
export function decideLook(question: SeedLook): SeedRefusal | undefined {
  const { seed, address, state } = question;
  if (seed.status === "dead") return "newer-token";
  const refusal = foreignAddress(address, question);
  if (refusal !== undefined) return refusal;
  if (state.isDeployed) return state.isLive ? undefined : "attempt-over";
  return closedAttempt(question);
}

function foreignAddress(
  address: string,
  { nodeAddress }: Pick<SeedQuestion, "nodeAddress">,
): SeedRefusal | undefined {
  return address === nodeAddress ? undefined : "other-address";
}

function closedAttempt({ state, now }: Pick<SeedQuestion, "state" | "now">): SeedRefusal | undefined {
  if (state.isDeployed) return "already-deployed";
  if (!state.isLive) return "attempt-over";
  return now.getTime() >= Date.parse(state.deadline) ? "deadline-passed" : undefined;
}

/** Takes the same time wherever the digests differ. */
function equalDigests(left: string, right: string): boolean {
  const [leftBytes, rightBytes] = [Buffer.from(left, "hex"), Buffer.from(right, "hex")];
  return leftBytes.length === rightBytes.length && timingSafeEqual(leftBytes, rightBytes);
}

function refuse(reason: SeedRefusal): SeedDecision {
  return { kind: "refused", reason };
}

/** The refusal for the node's console and for the event. */
export const seedRefusals: Readonly<Record<SeedRefusal, string>> = {
  "unknown-token": "no such seed token",
  "newer-token": "a newer boot script was served to this node; this token is dead",
  "other-address": "the token belongs to another address",
  "other-key": "the token was already redeemed with another session key",
  "not-redeemed": "the token was not redeemed yet",
  "already-deployed": "the node is already deployed",
  "attempt-over": "the attempt is over (disarmed, failed or ready)",
  "deadline-passed": "the attempt's deadline passed",
  "no-tries-left": "the attempt's tries are used up",
};
