/** How a deploy ends where the firmware may be left out, and the steps of a rescue. */
import type { DeployPlan, DeployStep } from "./steps.ts";

/** The answer to an inventory. */
export type Orders = DeployPlan | { readonly kind: "rescue"; readonly steps: readonly DeployStep[] };

/** @returns the plan with the new system loaded for kexec while it is still mounted. */
export function endingWithKexec(plan: DeployPlan): DeployPlan {
  if (plan.kind !== "deploy") return plan;
  const steps = plan.steps.flatMap((step): DeployStep[] =>
    step.kind === "unmount-target" ? [{ kind: "load-system" }, step] : [step],
  );
  return { ...plan, steps };
}

export type RescueDoor = {
  /** The bastion's key for nodes, one OpenSSH line. */
  readonly agentKey: string;
  /** The only address from which sshd takes it. */
  readonly bastionAddress: string;
};

/** No kind among these writes to a disk. The clock is set, since certificates have a beginning. */
export function planRescue({ agentKey, bastionAddress }: RescueDoor): Orders {
  const steps = [
    { kind: "set-clock" },
    { kind: "open-rescue", key: agentKey, from: bastionAddress },
  ] as const satisfies readonly DeployStep[];
  return { kind: "rescue", steps };
}
