/** Whether a node runs a system that we put on its disk: a pure question about its newest attempt. */
import type { AttemptState } from "./event.ts";

/** @param state of the node's newest attempt; undefined: it never had one. */
export function isInstalled(state: AttemptState | undefined): boolean {
  return state?.isDeployed === true && state.stage !== "disarmed" && state.stage !== "retired";
}
