import { expect, test } from "vitest";
import { endingWithKexec, planRescue } from "./endings.ts";
import { type DeployPlan, renderSteps } from "./steps.ts";

test("the new system is loaded before its file systems are gone", () => {
  const plan = {
    kind: "deploy",
    disk: {},
    steps: [{ kind: "set-clock" }, { kind: "unmount-target" }],
  } as unknown as DeployPlan;
  expect(endingWithKexec(plan)).toMatchObject({
    steps: [{ kind: "set-clock" }, { kind: "load-system" }, { kind: "unmount-target" }],
  });
});

test("a refusal stays one", () => {
  const refused: DeployPlan = { kind: "refuse", findings: [] };
  expect(endingWithKexec(refused)).toBe(refused);
});

test("a rescue names no disk, and its key reaches the node as one word", () => {
  const orders = planRescue({ agentKey: "ssh-ed25519 AAAA imagectl@bastion", bastionAddress: "10.77.0.1" });
  if (orders.kind !== "rescue") throw new Error("no rescue");
  expect(renderSteps(orders.steps)).toBe(
    "set-clock\nopen-rescue 'key=ssh-ed25519 AAAA imagectl@bastion' from=10.77.0.1\n",
  );
});
