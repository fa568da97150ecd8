/** The clock that the bastion's role serves, on a booted machine. That nodes follow one is proved in node.test.ts. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type BootedLab, openBootedLab } from "../support/booted-lab.ts";
import { standardRoles, wholeCluster } from "../support/lab-cluster.ts";
import { prove } from "../support/prove.ts";

let booted: BootedLab;
beforeAll(async () => {
  const roles = standardRoles.map((role) => (role === "time" ? "time-server" : role));
  booted = await openBootedLab({ ...wholeCluster, roles });
});
afterAll(() => booted?.close());

test("each of its checks is green, and its fault turns it red", async () => {
  const { proofs, elsewhere } = await prove({
    plan: await booted.plan(),
    vantages: booted.vantages,
    wanted: ({ role }) => role === "time-server",
  });
  expect(new Set(proofs.map(({ check }) => check.from))).toEqual(new Set(["node", "outsider"]));
  expect(elsewhere).toEqual([]);
});
