/** Seed tokens and sessions in the database: minted per boot script, redeemed once, durably, before the answer. */
import type { Appended, Attempt, Attempts } from "./attempts.ts";
import type { Database, Row } from "./database.ts";
import { hasTriesLeft, triesPerAttempt } from "./reduce.ts";
import {
  decideLook,
  decideRedeem,
  decideUse,
  type Seed,
  type SeedClient,
  type SeedRefusal,
  seedRefusals,
} from "./seed.ts";

export type MintAnswer =
  | { readonly kind: "minted" }
  /** The attempt takes no further try; when its tries are used up, this call has ended it. */
  | { readonly kind: "refused"; readonly reason: SeedRefusal };

export type SeedAnswer =
  | { readonly kind: "granted"; readonly attempt: Attempt }
  | { readonly kind: "refused"; readonly reason: SeedRefusal; readonly attempt?: Attempt };

export type HostKeyAnswer =
  | { readonly kind: "sign"; readonly serial: number }
  | { readonly kind: "signed"; readonly certificate: string }
  | { readonly kind: "other-key" };

export type Seeds = {
  /** Notes a fresh token; an older one of the attempt that nobody redeemed dies. */
  mint(attemptId: number, tokenSha256: string, now: Date): MintAnswer;
  /** Binds the token to the client. A repeat by the same client is granted again; a refusal is an event. */
  redeem(tokenSha256: string, client: SeedClient, now: Date): SeedAnswer;
  /** May this client go on in its session? A refusal is an event. */
  use(tokenSha256: string, client: SeedClient, now: Date): SeedAnswer;
  /** May what runs at this address with this token be heard? Binds and writes nothing, not even an event. */
  look(tokenSha256: string, address: string, now: Date): SeedAnswer;
  /** A session has one host key: the first one. `sign` means: sign it and `keepCertificate`. */
  claimHostKey(tokenSha256: string, hostKey: string): HostKeyAnswer;
  keepCertificate(tokenSha256: string, certificate: string): void;
  /** Host keys of the node that a certificate was made for, in any attempt; algorithm and base64. */
  hostKeysOf(node: string): readonly string[];
  /** Each node's newest one, but those of retired nodes; algorithm and base64. */
  currentHostKeys(): readonly { readonly node: string; readonly hostKey: string }[];
  /** Those of retired nodes. A machine that has the name later has a key of its own. */
  revokedHostKeys(): readonly string[];
};

/** A node that says "deployed" again, since the answer got lost, is no news. */
const quietRefusals: ReadonlySet<SeedRefusal> = new Set(["already-deployed"]);

/** Refusals that are kept as events, per attempt: enough to see an attack, too few to fill a disk with. */
const refusalsKept = 20;

export function openSeeds(database: Database, attempts: Attempts): Seeds {
  const find = (tokenSha256: string): { seed: Seed; attempt: Attempt } | undefined => {
    const seed = findSeed(database, tokenSha256);
    const attempt = seed === undefined ? undefined : attempts.get(seed.attempt);
    return seed === undefined || attempt === undefined ? undefined : { seed, attempt };
  };
  const decide = (
    rule: typeof decideRedeem,
    tokenSha256: string,
    client: SeedClient,
    now: Date,
  ): SeedAnswer => {
    const found = find(tokenSha256);
    if (found === undefined) return { kind: "refused", reason: "unknown-token" };
    const { seed, attempt } = found;
    const decision = rule({ seed, client, nodeAddress: attempt.address, state: attempt.state, now });
    switch (decision.kind) {
      case "granted":
        return { kind: "granted", attempt };
      case "redeem":
        bind(database, seed, client);
        return { kind: "granted", attempt: noteRedeemed(attempts, attempt, client, now).attempt };
      case "refused":
        noteRefusal(database, attempts, attempt, client, decision.reason, now);
        return { kind: "refused", reason: decision.reason, attempt };
      default:
        return decision satisfies never;
    }
  };
  return {
    mint: (attemptId, tokenSha256, now) =>
      database.transaction(() => mint(database, attempts, { attemptId, tokenSha256, now })),
    redeem: (tokenSha256, client, now) =>
      database.transaction(() => decide(decideRedeem, tokenSha256, client, now)),
    use: (tokenSha256, client, now) =>
      database.transaction(() => decide(decideUse, tokenSha256, client, now)),
    look: (tokenSha256, address, now) => {
      const found = find(tokenSha256);
      if (found === undefined) return { kind: "refused", reason: "unknown-token" };
      const { seed, attempt } = found;
      const reason = decideLook({
        seed,
        address,
        nodeAddress: attempt.address,
        state: attempt.state,
        now,
      });
      return reason === undefined ? { kind: "granted", attempt } : { kind: "refused", reason, attempt };
    },
    claimHostKey: (tokenSha256, hostKey) =>
      database.transaction(() => claimHostKey(database, tokenSha256, hostKey)),
    hostKeysOf: (node) => database.rows(`${selectHostKeys} AND attempts.node = ?`, node).map(toHostKey),
    currentHostKeys: () => {
      const rows = database.rows(
        `SELECT attempts.node, seeds.host_key FROM seeds JOIN attempts ON attempts.id = seeds.attempt
          WHERE seeds.certificate IS NOT NULL AND NOT ${isRetired} ORDER BY seeds.attempt, seeds.minted_at`,
      );
      const newest = new Map(rows.map((row) => [String(row.node), toHostKey(row)]));
      return [...newest].map(([node, hostKey]) => ({ node, hostKey }));
    },
    revokedHostKeys: () => database.rows(`${selectHostKeys} AND ${isRetired}`).map(toHostKey),
    keepCertificate: (tokenSha256, certificate) => {
      database.change("UPDATE seeds SET certificate = ? WHERE token_sha256 = ?", certificate, tokenSha256);
    },
  };
}

const selectHostKeys = `SELECT DISTINCT seeds.host_key FROM seeds JOIN attempts ON attempts.id = seeds.attempt
  WHERE seeds.certificate IS NOT NULL`;

/** Its node was retired with it, or since. */
const isRetired = `EXISTS (SELECT 1 FROM attempts AS retired WHERE retired.node = attempts.node
  AND retired.id >= attempts.id AND retired.state ->> 'stage' = 'retired')`;

/** Without the comment: it says nothing to ssh, and comes from the node. */
function toHostKey(row: Row): string {
  return String(row.host_key).split(" ").slice(0, 2).join(" ");
}

function mint(
  database: Database,
  attempts: Attempts,
  { attemptId, tokenSha256, now }: { attemptId: number; tokenSha256: string; now: Date },
): MintAnswer {
  const state = attempts.get(attemptId)?.state;
  if (state?.isLive !== true) return { kind: "refused", reason: "attempt-over" };
  if (state.isDeployed) return { kind: "refused", reason: "already-deployed" };
  if (now.getTime() >= Date.parse(state.deadline)) return { kind: "refused", reason: "deadline-passed" };
  if (!hasTriesLeft(state)) {
    const last = state.cause === undefined ? "" : `; the last one: ${state.cause.message}`;
    const message = `${triesPerAttempt} tries did not deploy the node${last}`;
    const hint =
      "It is in quarantine and boots its own disk. See imagectl events NODE; then: imagectl arm NODE";
    attempts.append(attemptId, { kind: "attempt-failed", cause: { message, hint } }, now);
    return { kind: "refused", reason: "no-tries-left" };
  }
  database.change("UPDATE seeds SET status = 'dead' WHERE attempt = ? AND status = 'minted'", attemptId);
  database.change(
    "INSERT INTO seeds (token_sha256, attempt, minted_at, status) VALUES (?, ?, ?, 'minted')",
    tokenSha256,
    attemptId,
    now.toISOString(),
  );
  return { kind: "minted" };
}

/** The node booted anew: sessions of earlier boots of the attempt are over. */
function bind(database: Database, seed: Seed, client: SeedClient): void {
  database.change("UPDATE seeds SET status = 'dead' WHERE attempt = ? AND status = 'redeemed'", seed.attempt);
  database.change(
    "UPDATE seeds SET status = 'redeemed', address = ?, key_sha256 = ? WHERE token_sha256 = ?",
    client.address,
    client.keySha256,
    seed.tokenSha256,
  );
}

function noteRedeemed(attempts: Attempts, attempt: Attempt, client: SeedClient, now: Date): Appended {
  return attempts.append(attempt.id, { kind: "seed-redeemed", address: client.address }, now);
}

function noteRefusal(
  database: Database,
  attempts: Attempts,
  attempt: Attempt,
  client: SeedClient,
  reason: SeedRefusal,
  now: Date,
): void {
  if (quietRefusals.has(reason)) return;
  const [row] = database.rows(
    "SELECT count(*) AS refusals FROM events WHERE attempt = ? AND body ->> 'kind' = 'seed-refused'",
    attempt.id,
  );
  if (Number(row?.refusals) >= refusalsKept) return;
  const body = { kind: "seed-refused", address: client.address, reason: seedRefusals[reason] } as const;
  attempts.append(attempt.id, body, now);
}

function claimHostKey(database: Database, tokenSha256: string, hostKey: string): HostKeyAnswer {
  const [row] = database.rows(
    "SELECT serial, host_key, certificate FROM seeds WHERE token_sha256 = ?",
    tokenSha256,
  );
  if (row === undefined) throw new Error("a host key was claimed without a session");
  if (row.host_key !== null && row.host_key !== hostKey) return { kind: "other-key" };
  if (typeof row.certificate === "string") return { kind: "signed", certificate: row.certificate };
  database.change("UPDATE seeds SET host_key = ? WHERE token_sha256 = ?", hostKey, tokenSha256);
  return { kind: "sign", serial: Number(row.serial) };
}

function findSeed(database: Database, tokenSha256: string): Seed | undefined {
  return database
    .rows(
      "SELECT token_sha256, attempt, status, address, key_sha256 FROM seeds WHERE token_sha256 = ?",
      tokenSha256,
    )
    .map(toSeed)[0];
}

function toSeed(row: Row): Seed {
  const seed = {
    tokenSha256: String(row.token_sha256),
    attempt: Number(row.attempt),
    status: row.status as Seed["status"],
  };
  if (typeof row.address !== "string" || typeof row.key_sha256 !== "string") return seed;
  return { ...seed, client: { address: row.address, keySha256: row.key_sha256 } };
}
