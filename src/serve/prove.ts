/** Runs a node's acceptance checks from the node, from here and from the outsider: wiring of src/verify. */
import { setTimeout as sleep } from "node:timers/promises";
import type { NodePart } from "../plan/plan.ts";
import { localVantage } from "../verify/local.ts";
import { type Outsider, type OutsiderSettings, openOutsider } from "../verify/outsider.ts";
import type { CheckResult, Report, RunAt } from "../verify/report.ts";
import { runChecks } from "../verify/run-checks.ts";
import { sshVantage } from "../verify/ssh.ts";
import type { NodeDoors } from "./node-door.ts";

export type Prove = (node: NodePart, onResult: (result: CheckResult) => void) => Promise<Report>;

export type ProveSettings = {
  readonly doors: NodeDoors;
  readonly interface: string;
  /** What the nodes have, beyond what every node has. */
  readonly capabilities: ReadonlySet<string>;
  readonly now: () => Date;
};

export function createProve({ doors, interface: interfaceName, capabilities, now }: ProveSettings): Prove {
  const outsiders = sharedOutsiders();
  return async (node, onResult) => {
    const outsider = outsiders.use({
      interface: interfaceName,
      address: node.outsiderAddress,
      prefixLength: node.prefixLength,
    });
    try {
      const vantages = {
        node: sshVantage(doors.doorOf(node)),
        bastion: localVantage({ IMAGECTL_KNOWN_HOSTS: doors.knownHostsFile }),
        outsider: outsider.runAt,
      };
      const { hostname, checks } = node;
      return await runChecks({ node: hostname, checks, vantages, capabilities, now, onResult });
    } finally {
      await outsider.close();
    }
  };
}

/** How long an outsider stays after its last user: the next node of a rack is proved soon. Milliseconds. Our choice. */
const lingerMs = 5_000;

/**
 * The outsider's address is one: nodes that are proved at the same time share the namespace that has it. It is
 * made when the first check needs it, so that what keeps it from being made is the reason of a red check.
 */
function sharedOutsiders(): { use(settings: OutsiderSettings): Outsider } {
  let users = 0;
  let opening: Promise<Outsider> | undefined;
  const closeWhenUnused = async (): Promise<void> => {
    await sleep(lingerMs, undefined, { ref: false });
    if (users > 0 || opening === undefined) return;
    const closing = opening;
    opening = undefined;
    await closing.then((outsider) => outsider.close()).catch(() => {});
  };
  return {
    use: (settings) => {
      users += 1;
      const runAt: RunAt = async (script, timeoutSeconds) => {
        opening ??= openOutsider(settings);
        try {
          return await (await opening).runAt(script, timeoutSeconds);
        } catch (error) {
          // The next node tries anew.
          opening = undefined;
          throw error;
        }
      };
      const close = async (): Promise<void> => {
        users -= 1;
        void closeWhenUnused();
      };
      return { runAt, close };
    },
  };
}
