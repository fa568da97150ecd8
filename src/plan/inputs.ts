/** Everything that a plan is made of, read from where an operator keeps it. */
import { dirname, join } from "node:path";
import { readClusterFile } from "../cluster/file.ts";
import { type ParsedCluster, requireCluster } from "../cluster/parse.ts";
import { readPublicKeys } from "../keys.ts";
import { packageRoot } from "../paths.ts";
import { readRoleCatalogue } from "../roles/read.ts";
import type { RoleCatalogue } from "../roles/role.ts";
import type { MakeSeed, PlanInput } from "./make.ts";

export type PlanSources = { readonly parsed: ParsedCluster; readonly roles: RoleCatalogue };

/**
 * Reads the cluster file and the roles: ours, and those in `roles/` beside the file.
 * @throws ImagectlError CLUSTER_UNREADABLE, ROLE_FOLDER_INVALID.
 */
export async function readPlanSources(clusterFile: string): Promise<PlanSources> {
  const theirs = join(dirname(clusterFile), "roles");
  const [parsed, roles] = await Promise.all([
    readClusterFile(clusterFile),
    readRoleCatalogue([
      { directory: join(packageRoot, "templates/roles"), shownAs: "templates/roles" },
      { directory: theirs, shownAs: theirs },
    ]),
  ]);
  return { parsed, roles };
}

export type PlanInputOptions = {
  readonly clusterFile: string;
  /** Where `imagectl keys init` put the cluster's keys. */
  readonly keysDirectory: string;
  readonly operatingSystems: readonly string[];
  readonly installedSystems?: readonly string[];
  readonly makeSeed: MakeSeed;
};

/**
 * Reads what `planNode` takes.
 * @throws ImagectlError CLUSTER_INVALID with every finding, CLUSTER_UNREADABLE, ROLE_FOLDER_INVALID, KEYS_MISSING.
 */
export async function readPlanInput(options: PlanInputOptions): Promise<PlanInput> {
  const { parsed, roles } = await readPlanSources(options.clusterFile);
  const cluster = requireCluster(parsed, options.clusterFile);
  const trust = await readPublicKeys(options.keysDirectory);
  const { operatingSystems, installedSystems = [], makeSeed } = options;
  return { cluster, roles, trust, operatingSystems, installedSystems, makeSeed, where: parsed.where };
}
