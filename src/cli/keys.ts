/** `imagectl keys`: makes the cluster's own keys, once; and says what ssh needs to know every node by. */
import { ImagectlError } from "../errors.ts";
import { ensureKeys } from "../keys.ts";
import { statePaths } from "../paths.ts";
import { type CommandIo, defineCommand, jsonOption } from "./command.ts";
import { clusterOption, planInput } from "./plan-context.ts";

export const command = defineCommand({
  summary: "make the cluster's own keys, those that exist stay; print the line by which ssh knows every node",
  usage: "keys init [--json] | keys known-hosts [--cluster FILE]",
  options: { ...clusterOption, ...jsonOption },
  positionals: { min: 1, max: 1 },
  words: [["init", "known-hosts"]],
  async run({ values, positionals }, io) {
    switch (positionals[0]) {
      case "init":
        return init(values.json === true, io);
      case "known-hosts":
        io.stdout.write(await knownHosts(values.cluster, io));
        return 0;
      default:
        throw new ImagectlError("USAGE", `keys: unknown word ${positionals[0]}`, {
          hint: "imagectl keys init, or imagectl keys known-hosts",
        });
    }
  },
});

async function init(isJson: boolean, io: CommandIo): Promise<number> {
  const paths = await ensureKeys(statePaths(io.env).keys);
  const lines = Object.values(paths).map((pair) => `${pair.publicKey}\n`);
  io.stdout.write(isJson ? `${JSON.stringify(paths, null, 2)}\n` : lines.join(""));
  return 0;
}

/** sshd(8), SSH_KNOWN_HOSTS: our CA vouches for these names, and for no other host of whoever takes the line. */
async function knownHosts(given: string | undefined, io: CommandIo): Promise<string> {
  const { cluster, trust } = await planInput(given, io.env);
  const names = cluster.nodes.flatMap(({ name, address }) => [name, `${name}.${cluster.domain}`, address]);
  if (names.length > 0) return `@cert-authority ${names.join(",")} ${trust.hostCaKey}\n`;
  throw new ImagectlError("NODE_UNKNOWN", "the cluster file has no nodes to know", {
    hint: "Add one under nodes, then again.",
  });
}
