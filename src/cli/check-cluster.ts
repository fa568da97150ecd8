/** Everything that is wrong with a cluster file: its lines, its roles and the plans that they make. */
import { makeSeed } from "../cloud-init/seed.ts";
import type { ParsedCluster } from "../cluster/parse.ts";
import { type Finding, inFileOrder } from "../errors.ts";
import { checkPlans, checkRoleChoices } from "../plan/make.ts";
import type { RoleCatalogue } from "../roles/role.ts";
import { installedSystems, knownSystems, placeholderTrust } from "./plan-context.ts";

/**
 * @returns every finding of the file, of the role folders, and of the plans; where the file is no cluster yet, at
 *   least of the roles that its groups ask for: one broken line must not hide the others.
 */
export function findProblems(parsed: ParsedCluster, roles: RoleCatalogue): Finding[] {
  const { cluster, where, findings, roleChoices } = parsed;
  const input = { roles, operatingSystems: knownSystems, installedSystems, where };
  const later =
    cluster === undefined
      ? checkRoleChoices(roleChoices, input)
      : checkPlans({ ...input, cluster, trust: placeholderTrust, makeSeed });
  const isInFile = ({ where: place }: Finding): boolean => place.startsWith(`${parsed.fileName}:`);
  const all = [...findings, ...later];
  return [...inFileOrder(all.filter(isInFile)), ...all.filter((finding) => !isInFile(finding))];
}
