/** Where commands find the cluster file and the keys, and what they plan from. */
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { makeSeed } from "../cloud-init/seed.ts";
import { operatingSystems } from "../images/catalogue.ts";
import { installers } from "../images/installer/installers.ts";
import { statePaths } from "../paths.ts";
import { readPlanInput } from "../plan/inputs.ts";
import type { PlanInput } from "../plan/make.ts";
import type { ClusterTrust } from "../plan/plan.ts";
import type { CommandIo } from "./command.ts";

/** Systems for which there is a recipe of a golden image. */
export const knownSystems: readonly string[] = operatingSystems.map((os) => os.id);

/** Those whose installer is a vendor's ISO. */
export const installedSystems: readonly string[] = installers.map(({ os }) => os);

/** Those that a node can get by one method or the other. */
export const allSystems: readonly string[] = [...new Set([...knownSystems, ...installedSystems])];

/** A file can be checked on any machine, also where the cluster's keys are not: this stands in for them. */
export const placeholderTrust: ClusterTrust = {
  agentKey: "ssh-ed25519 AAAA agent",
  hostCaKey: "ssh-ed25519 AAAA host-ca",
};

const clusterDefault = "Default: $IMAGECTL_CLUSTER, else cluster.yaml, else that of the service.";

/** For commands that read the cluster file. */
export const clusterOption = {
  cluster: { type: "string", valueName: "FILE", description: `The cluster file. ${clusterDefault}` },
} as const;

/** For commands that ask the server about nodes, and read the file only for the bastion. */
export const bastionClusterOption = {
  cluster: {
    type: "string",
    valueName: "FILE",
    description: `The bastion's cluster file; nodes go by that of imagectl serve. ${clusterDefault}`,
  },
} as const;

/** What the service of the Debian package serves. */
const serviceFile = "/etc/imagectl/cluster.yaml";

/**
 * On a bastion with the package every command finds the file of the service, from any folder but one with a
 * cluster.yaml of its own.
 * @param given what the command line says, if it says anything.
 */
export function clusterFile(given: string | undefined, env: CommandIo["env"]): string {
  const named = given ?? env.IMAGECTL_CLUSTER;
  if (named !== undefined) return named;
  return existsSync("cluster.yaml") || !existsSync(serviceFile) ? "cluster.yaml" : serviceFile;
}

/** For commands that do without one. */
export function hasClusterFile(given: string | undefined, env: CommandIo["env"]): boolean {
  return existsSync(clusterFile(given, env));
}

/**
 * Where a first file goes: with the package, to where the service looks for it.
 * @param given what the command line says, if it says anything.
 */
export function newClusterFile(given: string | undefined, env: CommandIo["env"]): string {
  return given ?? env.IMAGECTL_CLUSTER ?? (existsSync(dirname(serviceFile)) ? serviceFile : "cluster.yaml");
}

/**
 * Reads everything that plans are made of.
 * @throws ImagectlError CLUSTER_INVALID, CLUSTER_UNREADABLE, ROLE_FOLDER_INVALID, KEYS_MISSING.
 */
export async function planInput(given: string | undefined, env: CommandIo["env"]): Promise<PlanInput> {
  return readPlanInput({
    clusterFile: clusterFile(given, env),
    keysDirectory: statePaths(env).keys,
    operatingSystems: knownSystems,
    installedSystems,
    makeSeed,
  });
}
