/** `imagectl keys init`: makes the cluster's own keys, once. */
import { ImagectlError } from "../errors.ts";
import { ensureKeys } from "../keys.ts";
import { statePaths } from "../paths.ts";
import { defineCommand, jsonOption } from "./command.ts";

export const command = defineCommand({
  summary: "make the cluster's own keys (agent, host CA, manifests); those that exist stay",
  usage: "keys init [--json]",
  options: jsonOption,
  positionals: { min: 1, max: 1 },
  words: [["init"]],
  async run({ values, positionals }, io) {
    if (positionals[0] !== "init") {
      throw new ImagectlError("USAGE", `keys: unknown word ${positionals[0]}`, {
        hint: "imagectl keys init",
      });
    }
    const paths = await ensureKeys(statePaths(io.env).keys);
    io.stdout.write(
      values.json === true
        ? `${JSON.stringify(paths, null, 2)}\n`
        : Object.values(paths)
            .map((pair) => `${pair.publicKey}\n`)
            .join(""),
    );
    return 0;
  },
});
