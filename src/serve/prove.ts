/** Runs a node's acceptance checks from the node, from here and from the outsider: wiring of src/verify. */
import type { NodePart } from "../plan/plan.ts";
import { localVantage } from "../verify/local.ts";
import { openOutsider } from "../verify/outsider.ts";
import type { CheckResult, Report } from "../verify/report.ts";
import { runChecks } from "../verify/run-checks.ts";
import { sshVantage } from "../verify/ssh.ts";
import type { NodeDoors } from "./node-door.ts";
import { shareOutsider } from "./shared-outsider.ts";

export type Prove = (node: NodePart, onResult: (result: CheckResult) => void) => Promise<Report>;

export type ProveSettings = {
  readonly doors: NodeDoors;
  readonly interface: string;
  /** What the nodes have, beyond what every node has. */
  readonly capabilities: ReadonlySet<string>;
  readonly now: () => Date;
};

export function createProve({ doors, interface: interfaceName, capabilities, now }: ProveSettings): Prove {
  const shared = shareOutsider(openOutsider);
  return async (node, onResult) => {
    const outsider = shared.use({
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
