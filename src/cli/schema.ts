/** `imagectl schema`: the JSON Schema of the cluster file, for editors. */
import { clusterJsonSchema } from "../cluster/schema.ts";
import { defineCommand } from "./command.ts";

export const command = defineCommand({
  summary: "print the JSON Schema of the cluster file, for editors",
  usage: "schema",
  options: {},
  positionals: { min: 0, max: 0 },
  async run(_args, io) {
    io.stdout.write(`${JSON.stringify(clusterJsonSchema(), null, 2)}\n`);
    return 0;
  },
});
