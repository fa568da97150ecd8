/** Whether a node runs a system that we put on its disk: pure questions about its newest attempt. */
import type { AttemptState } from "./event.ts";

/** @param state of the node's newest attempt; undefined: it never had one. */
export function isInstalled(state: AttemptState | undefined): boolean {
  return state?.isDeployed === true && !isGivenUp(state);
}

/** Somebody ended it on purpose: nothing is expected of the node any more. */
export function isGivenUp({ stage }: AttemptState): boolean {
  return stage === "disarmed" || stage === "retired";
}
