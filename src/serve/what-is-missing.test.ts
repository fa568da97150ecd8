import { expect, test } from "vitest";
import { clusterText, input, roles } from "../plan/test-cluster.ts";
import { whatIsMissing } from "./what-is-missing.ts";

test("nodes without an image are named with the command that builds one, and each plan is looked up once", async () => {
  let lookups = 0;
  const hasNone = async () => {
    lookups += 1;
    return false;
  };
  expect(await whatIsMissing(input(), "c.yaml", hasNone)).toBe(
    "there is no image yet for node2, node1, node3: imagectl build --cluster c.yaml",
  );
  expect(lookups).toBe(1);
  expect(await whatIsMissing(input(), "c.yaml", async () => true)).toBeUndefined();
});

test("a file without nodes says what comes next", async () => {
  const text = clusterText.replace(/nodes:\n(.*\n)*/, "nodes: {}\n");
  expect(await whatIsMissing(input(roles, text), "c.yaml", async () => false)).toContain(
    "there are no nodes yet",
  );
});
