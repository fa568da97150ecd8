/** `imagectl keys`: makes the cluster's own keys, once; says what ssh knows every node by, and vouches for a host key. */

import { ImagectlError } from "../errors.ts";
import { certificateFor } from "../host-certificate.ts";
import { ensureKeys, keyPaths } from "../keys.ts";
import { statePaths } from "../paths.ts";
import { findSubject } from "../plan/subject.ts";
import { type CommandIo, defineCommand, jsonOption } from "./command.ts";
import { readKeysFile } from "./fetch-keys.ts";
import { clusterOption, planInput } from "./plan-context.ts";

export const command = defineCommand({
  summary:
    "make the cluster's own keys, those that exist stay; print the line by which ssh knows every node; certify a node's host key",
  usage:
    "keys init [--json] | keys known-hosts [--cluster FILE] | keys certify NODE --from FILE [--cluster FILE]",
  options: {
    from: {
      type: "string",
      valueName: "FILE",
      description:
        "The node's public host key, and its certificate where it has one, a line each; - is standard input.",
    },
    ...clusterOption,
    ...jsonOption,
  },
  positionals: { min: 1, max: 2 },
  words: [["init", "known-hosts", "certify"], "nodes"],
  async run({ values, positionals: [verb, node] }, io) {
    switch (verb) {
      case "init":
        return init(values.json === true, io);
      case "known-hosts":
        io.stdout.write(await knownHosts(values.cluster, io));
        return 0;
      case "certify":
        io.stdout.write(`${await certify(node, values.from, values.cluster, io)}\n`);
        return 0;
      default:
        throw new ImagectlError("USAGE", `keys: unknown word ${verb}`, {
          hint: "imagectl keys init, imagectl keys known-hosts, or imagectl keys certify NODE",
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

/**
 * For machines that imagectl did not install: a deploy does this by itself.
 * @returns the certificate to have: the one that is there while it does, else a new one.
 */
async function certify(
  name = "",
  from: string | undefined,
  given: string | undefined,
  io: CommandIo,
): Promise<string> {
  if (from === undefined) {
    throw new ImagectlError("USAGE", "keys certify: --from is missing", {
      hint: "imagectl keys certify NODE --from FILE: its /etc/ssh/ssh_host_ed25519_key.pub",
    });
  }
  const { cluster } = await planInput(given, io.env);
  const { name: hostname, address } = findSubject(cluster, name);
  const lines = (await readKeysFile(from === "-" ? "/dev/stdin" : from)).split("\n");
  const [hostKey = "", present] = lines.filter((line) => line.trim() !== "");
  const { hostCa } = keyPaths(statePaths(io.env).keys);
  const settings = { hostname, domain: cluster.domain, address, hostCa, now: new Date() };
  return certificateFor(settings, hostKey, present);
}
