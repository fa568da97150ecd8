import { expect, test } from "vitest";
import type { Finding } from "../errors.ts";
import type { NodePlan } from "../plan/plan.ts";
import { clusterText, input, roles } from "../plan/test-cluster.ts";
import { whatIsMissing } from "./what-is-missing.ts";

const none = async () => [];

test("nodes without an image are named with the command that builds one, and each plan is looked up once", async () => {
  let lookups = 0;
  const hasNone = async () => {
    lookups += 1;
    return false;
  };
  expect(await whatIsMissing(input(), "c.yaml", { hasImage: hasNone, missingSecrets: none })).toEqual([
    "there is no image yet for node2, node1, node3: sudo imagectl build --cluster c.yaml",
  ]);
  expect(lookups).toBe(1);
  expect(
    await whatIsMissing(input(), "c.yaml", { hasImage: async () => true, missingSecrets: none }),
  ).toEqual([]);
});

test("nodes whose secrets were not made are named before somebody walks to a rack, with the first one's command", async () => {
  const missingSecrets = async (plans: readonly NodePlan[]): Promise<Finding[]> =>
    plans
      .map(({ node }) => node.hostname)
      .filter((hostname) => hostname !== "node3")
      .map((hostname) => ({
        code: "SECRET_MISSING",
        where: hostname,
        message: "no hash",
        hint: `make ${hostname}`,
        severity: "error",
      }));
  expect(await whatIsMissing(input(), "c.yaml", { hasImage: async () => true, missingSecrets })).toEqual([
    "node2, node1 cannot be armed yet: no hash. make node2",
  ]);
});

test("a file without nodes says what comes next", async () => {
  const text = clusterText.replace(/nodes:\n(.*\n)*/, "nodes: {}\n");
  const looks = { hasImage: async () => false, missingSecrets: none };
  expect(await whatIsMissing(input(roles, text), "c.yaml", looks)).toEqual([
    expect.stringContaining("there are no nodes yet"),
  ]);
});
