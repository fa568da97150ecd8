/** The NoCloud seed of a golden node: instance-id and the operator's user-data, nothing else. */
import { sha256 } from "../digest.ts";
import type { MakeSeed } from "../plan/make.ts";
import type { PlannedFile } from "../plan/plan.ts";
import { checkUserData } from "./user-data.ts";

/** Read by cloud-init's NoCloud datasource without a network. Source: cloud-init 22.4, "Datasources: NoCloud". */
export const seedDirectory = "/var/lib/cloud/seed/nocloud";

/**
 * Makes the seed that a group's user-data becomes on one of its nodes.
 * The instance-id follows the text, so that cloud-init runs once for each text and never again for the same.
 * @returns the files of the node layer, and what is wrong with the text at `where`.
 */
export const makeSeed: MakeSeed = ({ hostname, userData }, where) => {
  const instanceId = `${hostname}-${sha256(userData).slice(0, 12)}`;
  const metaData = { "instance-id": instanceId, "local-hostname": hostname };
  return {
    files: [
      // JSON is YAML, and cannot be broken by what a name holds.
      seedFile("meta-data", `${JSON.stringify(metaData, null, 2)}\n`),
      seedFile("user-data", userData),
    ],
    findings: checkUserData(userData, where),
  };
};

/** Readable by root only: operators put tokens here, although secrets belong to references. */
function seedFile(name: string, content: string): PlannedFile {
  const path = `${seedDirectory}/${name}`;
  return { path, mode: 0o600, owner: "root", group: "root", content, role: "user-data" };
}
