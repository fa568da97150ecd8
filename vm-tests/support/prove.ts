/** What every level asks of checks: each is green, and its fault turns it red and back. */
import { expect } from "vitest";
import { type Acceptance, acceptance } from "../../src/lab/acceptance.ts";
import type { NodePlan } from "../../src/plan/plan.ts";
import type { Check } from "../../src/roles/role.ts";
import type { Vantages } from "../../src/verify/run-checks.ts";

export type Proof = {
  readonly plan: NodePlan;
  readonly vantages: Vantages;
  /** Default: every check of the plan. */
  readonly wanted?: (check: Check) => boolean;
  /** What the checks' `needs` are met by. Default: nothing. */
  readonly capabilities?: Iterable<string>;
  /** How long a fault may take to show, and to be gone. Default 10. */
  readonly settleSeconds?: number;
};

/** Fails with the name of each check that is red, or that its fault does not turn red and back to green. */
export async function prove({
  plan,
  vantages,
  wanted = () => true,
  capabilities = [],
  settleSeconds = 10,
}: Proof): Promise<Acceptance> {
  const checks = plan.node.checks.filter(wanted);
  expect(checks.length).toBeGreaterThan(0);
  const accepted = await acceptance({
    plan: { ...plan, node: { ...plan.node, checks } },
    vantages,
    capabilities: new Set(capabilities),
    now: () => new Date(),
    settleSeconds,
    onProgress: (line) => console.log(line),
  });
  const unproved = accepted.proofs.filter(({ isProved }) => !isProved);
  expect(unproved.map(({ check, reason }) => `${check.name}: ${reason}`)).toEqual([]);
  return accepted;
}
