/** Everything that is wrong with a cluster file: its lines, its roles and the plans that they make. */
import { makeSeed } from "../cloud-init/seed.ts";
import type { ParsedCluster } from "../cluster/parse.ts";
import type { Finding } from "../errors.ts";
import { checkPlans } from "../plan/make.ts";
import type { ClusterTrust } from "../plan/plan.ts";
import type { RoleCatalogue } from "../roles/role.ts";
import { knownSystems } from "./plan-context.ts";

/** A file can be checked on any machine, also where the cluster's keys are not: this stands in for them. */
const placeholderTrust: ClusterTrust = {
  agentKey: "ssh-ed25519 AAAA agent",
  hostCaKey: "ssh-ed25519 AAAA host-ca",
};

/** @returns every finding of the file, of the role folders, and of the plans where the file can be planned from. */
export function findProblems(parsed: ParsedCluster, roles: RoleCatalogue): Finding[] {
  const { cluster, where, findings } = parsed;
  if (cluster === undefined) return [...findings, ...roles.findings];
  const trust = placeholderTrust;
  return [
    ...findings,
    ...checkPlans({ cluster, roles, trust, operatingSystems: knownSystems, makeSeed, where }),
  ];
}
