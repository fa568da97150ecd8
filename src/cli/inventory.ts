/** `imagectl inventory`: the cluster file as Ansible's dynamic inventory. */
import { dynamicInventory, makeInventory } from "../ansible/inventory.ts";
import { readClusterFile } from "../cluster/file.ts";
import { requireCluster } from "../cluster/parse.ts";
import { ImagectlError } from "../errors.ts";
import { hintForName } from "../nearest.ts";
import { defineCommand } from "./command.ts";
import { clusterFile, clusterOption } from "./plan-context.ts";

export const command = defineCommand({
  summary: "print the cluster's machines as Ansible's inventory",
  usage: "inventory [--list | --host NAME] [--cluster FILE]",
  options: {
    list: { type: "boolean", description: "All of them; what Ansible asks for, and the default." },
    host: { type: "string", valueName: "NAME", description: "The variables of one." },
    ...clusterOption,
  },
  positionals: { min: 0, max: 0 },
  async run({ values }, io) {
    const file = clusterFile(values.cluster, io.env);
    const inventory = makeInventory(requireCluster(await readClusterFile(file), file));
    const { host } = values;
    const answer = host === undefined ? dynamicInventory(inventory) : inventory.hosts[host];
    if (answer === undefined) {
      throw new ImagectlError("NODE_UNKNOWN", `${file} has no machine ${host}`, {
        hint: hintForName(host ?? "", Object.keys(inventory.hosts)),
      });
    }
    io.stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
    return 0;
  },
});
