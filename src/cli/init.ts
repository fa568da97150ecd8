/** `imagectl init`: a first cluster file, from a few answers; in scripts, from options alone. */
import { join } from "node:path";
import { MacAddress } from "../address.ts";
import { type Draft, type DraftNode, draftView } from "../cluster/draft.ts";
import { createClusterFile, readTextFile, refuseExisting } from "../cluster/file.ts";
import { complainAboutLabel, complainAboutUserName, type NameComplaint } from "../cluster/names.ts";
import { parseCluster } from "../cluster/parse.ts";
import { parsePublicKey } from "../cluster/public-key.ts";
import { ImagectlError } from "../errors.ts";
import { hintForName } from "../nearest.ts";
import { packageRoot } from "../paths.ts";
import { readPlanSources } from "../plan/inputs.ts";
import { renderTemplate } from "../template.ts";
import { type Asker, choose, openAsker } from "./ask.ts";
import { findProblems } from "./check-cluster.ts";
import { type CommandIo, defineCommand } from "./command.ts";
import { listInterfaces, listPublicKeys, type OfferedInterface, readKeyArgument } from "./machine-facts.ts";
import { clusterFile } from "./plan-context.ts";

export const command = defineCommand({
  summary:
    "write a first cluster file: asks for a name, an interface, a user and a key; never overwrites one",
  usage:
    "init [FILE] [--name NAME] [--domain NAME] [--interface NAME] [--user NAME] [--key FILE]… [--node NAME=MAC]…",
  options: {
    name: { type: "string", valueName: "NAME", description: "The cluster's name. Default: lab." },
    domain: { type: "string", valueName: "NAME", description: "Of the nodes' full names. Default: cluster." },
    interface: {
      type: "string",
      valueName: "NAME",
      description: "Where the nodes are; its address and subnet become the cluster's.",
    },
    user: { type: "string", valueName: "NAME", description: "The first person, who may become root." },
    key: {
      type: "string",
      multiple: true,
      valueName: "FILE",
      description: "A public key of that person: a .pub file, or its line. May be given again.",
    },
    node: {
      type: "string",
      multiple: true,
      valueName: "NAME=MAC",
      description: "A machine. May be given again, and nodes can be added to the file later.",
    },
  },
  positionals: { min: 0, max: 1 },
  words: ["file"],
  async run({ values, positionals }, io) {
    const file = clusterFile(positionals[0], io.env);
    await refuseExisting(file);
    const asker = openAsker(io);
    const where = await chooseInterface(values.interface, asker);
    const draft: Draft = {
      name: await asker.name("name", values.name, "The cluster's name", complainAboutLabel, "lab"),
      domain: values.domain ?? "cluster",
      interface: where.name,
      address: where.address,
      subnet: where.subnet,
      user: await asker.name("user", values.user, "The first user", complainAboutUserName, guessUser(io)),
      keys: await chooseKeys(values.key, asker, io),
      nodes: (values.node ?? []).map(parseNode),
      ...(await standardGroup()),
      schema: join(packageRoot, "docs/cluster.schema.json"),
    };
    const text = await render(draft, file);
    await createClusterFile(file, text);
    io.stdout.write(`${file} is written. ${nextStep(file, draft)}\n`);
    return 0;
  },
});

/** Where the sample stands, which shows what a group has: the one place that names standard roles. */
const sampleFile = join(packageRoot, "examples/cluster.yaml");
const templateFile = join(packageRoot, "templates/init/cluster.yaml.hbs");

/** Systems and roles are those of the sample's groups; a sample whose bastion is in no group keeps it by hand. */
async function standardGroup(): Promise<Pick<Draft, "os" | "roles" | "bastionGroup">> {
  const { cluster } = parseCluster(await readTextFile(sampleFile), sampleFile);
  const group = cluster?.groups.find(({ method }) => method === "golden");
  if (group === undefined) throw new Error(`${sampleFile} has no group that is installed`);
  const bastionGroup = cluster?.groups.find(({ name }) => name === cluster.bastion.group);
  return { os: group.os, roles: group.roles, bastionGroup };
}

async function chooseInterface(given: string | undefined, asker: Asker): Promise<OfferedInterface> {
  const all = listInterfaces();
  const described = all.map(({ name, address, subnet }) => `${name}  ${address}/${subnet.prefixLength}`);
  if (given !== undefined) {
    const found = all.find(({ name }) => name === given);
    if (found !== undefined) return found;
    throw new ImagectlError("INTERFACE_UNUSABLE", `${given} is no interface here with an IPv4 address`, {
      hint: `${hintForName(
        given,
        all.map(({ name }) => name),
      )} To give it one: ip address add 10.77.0.1/24 dev ${given}`,
    });
  }
  if (all.length === 0) {
    throw new ImagectlError("INTERFACE_UNUSABLE", "no interface here has an IPv4 address", {
      hint: "Give the one on the nodes' network an address: ip address add 10.77.0.1/24 dev NAME && ip link set NAME up",
    });
  }
  const hint = `--interface NAME; here are: ${described.join(", ")}`;
  return choose(asker, "The interface on the nodes' network", all, described, hint);
}

async function chooseKeys(
  given: readonly string[] | undefined,
  asker: Asker,
  io: CommandIo,
): Promise<readonly string[]> {
  if (given !== undefined) {
    return Promise.all(given.map(async (one) => checkKey(one, await readKeyArgument(one))));
  }
  const all = await listPublicKeys(io.env);
  if (all.length === 0) {
    throw new ImagectlError("USAGE", "init: no public key was found in ~/.ssh, and none was named", {
      hint: "Make one: ssh-keygen -t ed25519. Or name one: imagectl init --key FILE.pub",
    });
  }
  const hint = `--key FILE; here are: ${all.map(({ path }) => path).join(", ")}`;
  const shown = all.map(({ path, line }) => `${path}  ${line.split(" ").slice(2).join(" ")}`);
  const { line } = await choose(asker, "The user's public key", all, shown, hint);
  return [line];
}

function checkKey(given: string, text: string): string {
  const answer = parsePublicKey(text);
  if (answer.kind === "key") return answer.line;
  // The other one of the two files; nothing of it was shown to anybody.
  const isOtherFile = given !== text && text.includes("PRIVATE KEY");
  throw new ImagectlError("PUBLIC_KEY_REFUSED", `--key: ${answer.message}`, {
    hint: isOtherFile ? `Name its public half: --key ${given}.pub` : answer.hint,
  });
}

function parseNode(given: string): DraftNode {
  const [name = "", mac = ""] = given.split("=");
  const complaint: NameComplaint | undefined = complainAboutLabel(name);
  if (complaint !== undefined) {
    throw new ImagectlError("USAGE", `--node ${given}: ${complaint.message}`, { hint: complaint.hint });
  }
  const parsed = MacAddress.safeParse(mac);
  if (parsed.success) return { name, mac: parsed.data };
  throw new ImagectlError("USAGE", `--node ${given}: expected NAME=MAC`, {
    hint: "For instance: --node node1=52:54:00:77:00:11",
  });
}

/** Whoever calls it, but for root: that is nobody's name. */
function guessUser({ env }: CommandIo): string | undefined {
  const name = env.SUDO_USER ?? env.USER;
  return name === undefined || complainAboutUserName(name) !== undefined ? undefined : name;
}

/** A file that is not valid is none of ours: what is wrong with the answers is said instead. */
async function render(draft: Draft, file: string): Promise<string> {
  const { text } = renderTemplate(await readTextFile(templateFile), draftView(draft), templateFile);
  const { roles } = await readPlanSources(sampleFile);
  const findings = findProblems(parseCluster(text, file), roles).filter(
    ({ severity }) => severity === "error",
  );
  if (findings.length === 0) return text;
  throw new ImagectlError("CLUSTER_INVALID", "these answers do not make a cluster; nothing was written", {
    hint: "Change the option that is named above: imagectl init --help",
    findings,
  });
}

function nextStep(file: string, { nodes }: Draft): string {
  const option = file === clusterFile(undefined, {}) ? "" : ` --cluster ${file}`;
  const build = `sudo imagectl build${option}`;
  if (nodes.length > 0) return `Look at it, then: ${build}`;
  return `Add your nodes at its end, then: imagectl validate ${file}, and ${build}`;
}
