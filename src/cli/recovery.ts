/** `imagectl recovery`: makes a machine's password for the console, shows it once, and keeps only its hash. */
import { randomBytes } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import type { ClusterConfig, Node } from "../cluster/config.ts";
import { describeError, ImagectlError } from "../errors.ts";
import { hintForName } from "../nearest.ts";
import { statePaths } from "../paths.ts";
import { openSecrets, type SecretName, type SecretStore } from "../secrets.ts";
import { hashPassword, saltBytes } from "../yescrypt.ts";
import { type CommandIo, defineCommand, jsonOption } from "./command.ts";
import { clusterOption, planInput } from "./plan-context.ts";
import { formatSheet, makePassword, passwordBytes } from "./recovery-sheet.ts";
import { whoAsks } from "./secrets.ts";
import { formatTable } from "./table.ts";

export const command = defineCommand({
  summary:
    "make a node's password for its console, shown once as a sheet to print; list which nodes have one",
  usage:
    "recovery new NODE [--out FILE] [--rotate] [--cluster FILE] | recovery list [--cluster FILE] [--json]",
  options: {
    out: { type: "string", valueName: "FILE", description: "Write the sheet there instead of showing it." },
    rotate: { type: "boolean", description: "Replace the password that the node has." },
    ...clusterOption,
    ...jsonOption,
  },
  positionals: { min: 1, max: 2 },
  words: [["list", "new"], "nodes"],
  async run({ values, positionals }, io) {
    const [verb, name] = positionals;
    const { cluster } = await planInput(values.cluster, io.env);
    const store = openSecrets(statePaths(io.env).secrets);
    if (verb === "list" && name === undefined) return list(cluster, store, values.json === true, io);
    if (verb !== "new" || name === undefined) {
      throw new ImagectlError("USAGE", "recovery: which of the two?", {
        hint: "imagectl recovery list, or imagectl recovery new NODE",
      });
    }
    const node = requireNode(cluster, name);
    await makeNew({ cluster, node, store, sheetFile: values.out, isRotating: values.rotate === true }, io);
    return 0;
  },
});

/** What the role of the console's account reads. */
function hashOf(node: string): SecretName {
  return { name: "recovery-hash", node };
}

type Making = {
  readonly cluster: ClusterConfig;
  readonly node: Node;
  readonly store: SecretStore;
  readonly sheetFile: string | undefined;
  readonly isRotating: boolean;
};

async function makeNew(
  { cluster, node, store, sheetFile, isRotating }: Making,
  io: CommandIo,
): Promise<void> {
  const now = new Date();
  const password = makePassword(randomBytes(passwordBytes));
  const hash = await hashPassword(password, randomBytes(saltBytes));
  const subject = {
    cluster: cluster.name,
    hostname: node.name,
    fqdn: `${node.name}.${cluster.domain}`,
    mac: node.mac,
    address: node.address,
    date: now.toISOString().slice(0, 10),
  };
  const sheet = formatSheet(subject, password);
  // The sheet first: a hash without its password would be of no use, a sheet without its hash is thrown away.
  if (sheetFile !== undefined) await writeSheet(sheetFile, sheet);
  try {
    await store.write(hashOf(node.name), hash, { isReplacing: isRotating, now, by: whoAsks(io.env) });
  } catch (error) {
    if (sheetFile !== undefined) await rm(sheetFile, { force: true });
    throw error;
  }
  if (sheetFile === undefined) io.stdout.write(sheet);
  else io.stderr.write(`The sheet is ${sheetFile}. Print it, then: shred -u ${sheetFile}\n`);
  io.stderr.write(
    `${node.name} has it after its next deploy; if it is installed: sudo imagectl apply ${node.name}\n`,
  );
}

/** Never over another file: it may be the only sheet of another machine. */
async function writeSheet(file: string, sheet: string): Promise<void> {
  try {
    await writeFile(file, sheet, { mode: 0o600, flag: "wx" });
  } catch (error) {
    throw new ImagectlError("OUTPUT_NOT_OURS", `cannot write the sheet: ${describeError(error)}`, {
      hint: "Name a file that is not there yet: --out FILE",
      cause: error,
    });
  }
}

async function list(
  { nodes }: ClusterConfig,
  store: SecretStore,
  isJson: boolean,
  { stdout }: CommandIo,
): Promise<number> {
  const stored = new Map(
    (await store.list())
      .filter(({ name, node }) => node !== undefined && name === hashOf(node).name)
      .map(({ node, since }) => [node, since]),
  );
  const rows = nodes.map(({ name }) => ({ node: name, since: stored.get(name) ?? null }));
  if (isJson) stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
  else {
    const describe = (node: string, since: Date | null): string =>
      since === null ? `none. Make it: sudo imagectl recovery new ${node}` : `since ${since.toISOString()}`;
    stdout.write(formatTable(rows.map(({ node, since }) => [node, describe(node, since)])));
  }
  return 0;
}

function requireNode({ name: cluster, nodes }: ClusterConfig, name: string): Node {
  const node = nodes.find((each) => each.name === name);
  if (node !== undefined) return node;
  const hint = hintForName(
    name,
    nodes.map((each) => each.name),
  );
  throw new ImagectlError("NODE_UNKNOWN", `the cluster ${cluster} has no node ${name}`, { hint });
}
