/** The outsider's address is one: nodes that are proved at the same time share the namespace that has it. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Outsider, OutsiderSettings } from "../verify/outsider.ts";
import type { RunAt } from "../verify/report.ts";

/** How long it stays after its last user: the next node of a rack is proved soon. Milliseconds. Our choice. */
const lingerMs = 5_000;

export type SharedOutsider = {
  /** One more user, until `close`. */
  use(settings: OutsiderSettings): Outsider;
};

/**
 * It is made when the first check needs it, so that what keeps it from being made is the reason of a red check.
 * @param open makes it.
 */
export function shareOutsider(
  open: (settings: OutsiderSettings) => Promise<Outsider>,
  linger: number = lingerMs,
): SharedOutsider {
  let users = 0;
  let shared: Promise<Outsider> | undefined;

  const openOnce = (settings: OutsiderSettings): Promise<Outsider> => {
    if (shared !== undefined) return shared;
    const opening = open(settings);
    shared = opening;
    // What failed is tried anew by the next check; what is open stays, whatever becomes of a check in it.
    opening.catch(() => {
      if (shared === opening) shared = undefined;
    });
    return opening;
  };

  const closeWhenUnused = async (): Promise<void> => {
    await sleep(linger, undefined, { ref: false });
    if (users > 0 || shared === undefined) return;
    const closing = shared;
    shared = undefined;
    await (await closing).close();
  };

  return {
    use: (settings) => {
      users += 1;
      const runAt: RunAt = async (script, timeoutSeconds) =>
        (await openOnce(settings)).runAt(script, timeoutSeconds);
      return {
        runAt,
        close: async () => {
          users -= 1;
          closeWhenUnused().catch(() => {
            // It ends with this process anyway: its namespace is held by a child of ours.
          });
        },
      };
    },
  };
}
