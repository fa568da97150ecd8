/** Taking a node out for good: its attempts end, its host keys are named, its history stays. */
import type { Attempt, Attempts } from "./attempts.ts";
import type { Seeds } from "./seeds.ts";

export type Retirement = {
  /** The node's newest attempt afterwards; undefined when it was never armed. */
  readonly attempt: Attempt | undefined;
  readonly wasLive: boolean;
  /** Public host keys that certificates were given for: they prove nobody's identity any more. */
  readonly hostKeys: readonly string[];
};

/**
 * Ends the attempt that is live, and that of the installed system. A second time changes nothing.
 * @returns what there is to say of it.
 */
export function retireNode(
  attempts: Pick<Attempts, "append" | "installed" | "latest">,
  seeds: Pick<Seeds, "hostKeysOf">,
  node: string,
  now: Date,
): Retirement {
  const [newest, installed] = [attempts.latest(node), attempts.installed(node)];
  const hostKeys = seeds.hostKeysOf(node);
  const ending = new Set([installed?.id, newest?.id].filter((id) => id !== undefined));
  // In ascending order: what the node is now is said by its newest attempt.
  for (const id of [...ending].sort((left, right) => left - right)) {
    attempts.append(id, { kind: "retired", hostKeys: hostKeys.length }, now);
  }
  return { attempt: attempts.latest(node), wasLive: newest?.state.isLive === true, hostKeys };
}
