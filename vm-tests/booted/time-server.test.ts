/** The clock that the bastion's role serves, on a booted machine. That nodes follow one is proved in node.test.ts. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { acceptance } from "../../src/lab/acceptance.ts";
import { type BootedLab, openBootedLab } from "../support/booted-lab.ts";
import { standardRoles, wholeCluster } from "../support/lab-cluster.ts";

let booted: BootedLab;
beforeAll(async () => {
  const roles = standardRoles.map((role) => (role === "time" ? "time-server" : role));
  booted = await openBootedLab({ ...wholeCluster, roles });
});
afterAll(() => booted?.close());

test("each of its checks is green, and its fault turns it red", async () => {
  const plan = await booted.plan();
  const checks = plan.node.checks.filter(({ role }) => role === "time-server");
  expect(new Set(checks.map(({ from }) => from))).toEqual(new Set(["node", "outsider"]));
  const { proofs, elsewhere } = await acceptance({
    plan: { ...plan, node: { ...plan.node, checks } },
    vantages: booted.vantages,
    capabilities: new Set(),
    now: () => new Date(),
    settleSeconds: 10,
    onProgress: (line) => console.log(line),
  });
  expect(proofs.map(({ check, isProved, reason }) => (isProved ? "" : `${check.name}: ${reason}`))).toEqual(
    checks.map(() => ""),
  );
  expect(elsewhere).toEqual([]);
});
