/** Runs the bastion's own checks where it is: from itself; those from elsewhere say that they need another machine. */
import { ImagectlError } from "../errors.ts";
import type { NodePart } from "../plan/plan.ts";
import { localVantage } from "../verify/local.ts";
import type { CheckResult, Report, RunAt } from "../verify/report.ts";
import { runChecks } from "../verify/run-checks.ts";

export type ProveHere = {
  readonly node: NodePart;
  /** What this machine has, beyond what every one has. */
  readonly capabilities: ReadonlySet<string>;
  readonly now: () => Date;
  readonly onResult: (result: CheckResult) => void;
};

export function proveHere({ node, ...options }: ProveHere): Promise<Report> {
  // The plan has no such check without a need that nothing here meets: it is counted as not applicable.
  const elsewhere: RunAt = () =>
    Promise.reject(
      new ImagectlError("VANTAGE_UNREACHABLE", "the bastion is seen only from itself", {
        hint: "Try it from a node: nmap -n -p- the bastion's address",
      }),
    );
  const vantages = { node: localVantage({}), bastion: elsewhere, outsider: elsewhere };
  return runChecks({ node: node.hostname, checks: node.checks, vantages, ...options });
}
