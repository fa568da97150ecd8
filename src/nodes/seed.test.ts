import { expect, test } from "vitest";
import type { AttemptState } from "./event.ts";
import { decideLook, decideRedeem, decideUse, type Seed, type SeedQuestion } from "./seed.ts";

const now = new Date("2026-05-04T10:00:00Z");
const key = "1".repeat(64);
const client = { address: "10.77.0.11", keySha256: key };
const state: AttemptState = {
  stage: "network-boot",
  since: now.toISOString(),
  heardAt: now.toISOString(),
  deadline: "2026-05-04T12:00:00.000Z",
  tries: 0,
  isDeployed: false,
  isLive: true,
};
const minted: Seed = { tokenSha256: "2".repeat(64), attempt: 1, status: "minted" };
const redeemed: Seed = { ...minted, status: "redeemed", client };
const base: SeedQuestion = { seed: minted, client, nodeAddress: client.address, state, now };

const outsider = { address: "10.77.0.250", keySha256: key };
const otherKey = { address: client.address, keySha256: "3".repeat(64) };
const over = { ...state, isLive: false };
const deployed = { ...state, isDeployed: true };
const late = new Date("2026-05-04T12:00:00Z");

const cases: [string, Partial<SeedQuestion>, redeem: string, use: string][] = [
  ["a fresh token of the node", {}, "redeem", "not-redeemed"],
  ["the same client again", { seed: redeemed }, "granted", "granted"],
  ["another address with a fresh token", { client: outsider }, "other-address", "not-redeemed"],
  ["another address", { seed: redeemed, client: outsider }, "other-address", "other-address"],
  ["another key", { seed: redeemed, client: otherKey }, "other-key", "other-key"],
  [
    "another key after the deploy",
    { seed: redeemed, client: otherKey, state: deployed },
    "other-key",
    "other-key",
  ],
  [
    "a key that is no digest",
    { seed: redeemed, client: { ...client, keySha256: "" } },
    "other-key",
    "other-key",
  ],
  [
    "a token that a newer one replaced",
    { seed: { ...minted, status: "dead" } },
    "newer-token",
    "newer-token",
  ],
  ["a fresh token of a disarmed attempt", { state: over }, "attempt-over", "not-redeemed"],
  ["a session of a disarmed attempt", { seed: redeemed, state: over }, "attempt-over", "attempt-over"],
  ["a session after the deploy", { seed: redeemed, state: deployed }, "already-deployed", "already-deployed"],
  ["a fresh token after the deadline", { now: late }, "deadline-passed", "not-redeemed"],
  ["a session after the deadline", { seed: redeemed, now: late }, "deadline-passed", "deadline-passed"],
  ["a fourth try", { state: { ...state, tries: 3 } }, "no-tries-left", "not-redeemed"],
  ["the third try, still running", { seed: redeemed, state: { ...state, tries: 3 } }, "granted", "granted"],
];

function outcome(decision: ReturnType<typeof decideUse>): string {
  return decision.kind === "refused" ? decision.reason : decision.kind;
}

test.each(cases)("%s", (_name, question, redeem, use) => {
  expect(outcome(decideRedeem({ ...base, ...question }))).toBe(redeem);
  expect(outcome(decideUse({ ...base, ...question }))).toBe(use);
});

const looks: [string, Partial<SeedQuestion>, look: string][] = [
  ["before it is redeemed", {}, "granted"],
  ["in the session, whoever has its key", { seed: redeemed, client: otherKey }, "granted"],
  ["from another address", { seed: redeemed, client: outsider }, "other-address"],
  ["with a token that a newer one replaced", { seed: { ...minted, status: "dead" } }, "newer-token"],
  ["after the deploy", { seed: redeemed, state: deployed }, "granted"],
  ["after the deploy and the deadline", { seed: redeemed, state: deployed, now: late }, "granted"],
  ["after the deploy, when the attempt is over", { state: { ...deployed, isLive: false } }, "attempt-over"],
  ["of a disarmed attempt", { state: over }, "attempt-over"],
  ["after the deadline", { seed: redeemed, now: late }, "deadline-passed"],
];

test.each(looks)("an installer that comes %s", (_name, question, look) => {
  const { client: asking, ...rest } = { ...base, ...question };
  expect(decideLook({ ...rest, address: asking.address }) ?? "granted").toBe(look);
});
