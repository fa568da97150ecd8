/** The NoCloud seed of a golden node: instance-id and the operator's user-data, nothing else. */
import type { NodePart, PlannedFile } from "../plan/plan.ts";

/** Read by cloud-init's NoCloud datasource without a network. Source: cloud-init 22.4, "Datasources: NoCloud". */
export const seedDirectory = "/var/lib/cloud/seed/nocloud";

/**
 * @param instanceId changes with every deploy, so that cloud-init runs once per deploy and never again.
 * @returns files of the node layer; none when the operator gave no user-data: then cloud-init is not installed.
 */
export function seedFiles(node: NodePart, instanceId: string): PlannedFile[] {
  if (node.userData === undefined) return [];
  const metaData = { "instance-id": instanceId, "local-hostname": node.hostname };
  return [
    // JSON is YAML, and cannot be broken by what a name holds.
    seedFile("meta-data", `${JSON.stringify(metaData, null, 2)}\n`),
    seedFile("user-data", node.userData),
  ];
}

/** Readable by root only: operators put tokens here, although secrets belong to references. */
function seedFile(name: string, content: string): PlannedFile {
  return { path: `${seedDirectory}/${name}`, mode: 0o600, owner: "root", group: "root", content, role: "user-data" };
}
