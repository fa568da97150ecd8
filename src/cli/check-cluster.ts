/** Everything that is wrong with a cluster file: its lines, its roles and the plans that they make. */
import { makeSeed } from "../cloud-init/seed.ts";
import type { ParsedCluster } from "../cluster/parse.ts";
import type { Finding } from "../errors.ts";
import { checkPlans } from "../plan/make.ts";
import type { RoleCatalogue } from "../roles/role.ts";
import { knownSystems, placeholderTrust } from "./plan-context.ts";

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
