/** `imagectl init`: a first cluster file, from a few answers; in scripts, from options alone. */
import { join } from "node:path";
import { MacAddress } from "../address.ts";
import { type Draft, type DraftNode, draftView } from "../cluster/draft.ts";
import { createClusterFile, readTextFile, requireNewFile } from "../cluster/file.ts";
import { complainAboutLabel, complainAboutUserName, type NameComplaint } from "../cluster/names.ts";
import { parseCluster } from "../cluster/parse.ts";
import { parsePublicKey } from "../cluster/public-key.ts";
import { ImagectlError } from "../errors.ts";
import { hintForName } from "../nearest.ts";
import { packageRoot, pageFile } from "../paths.ts";
import { readPlanSources } from "../plan/inputs.ts";
import { renderTemplate } from "../template.ts";
import { type Asker, choose, openAsker } from "./ask.ts";
import { findProblems } from "./check-cluster.ts";
import { type CommandIo, defineCommand } from "./command.ts";
import { listInterfaces, listPublicKeys, type OfferedInterface, readKeyArgument } from "./machine-facts.ts";
import { clusterFile, newClusterFile } from "./plan-context.ts";

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
    const file = newClusterFile(positionals[0], io.env);
    await requireNewFile(file);
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
      guide: pageFile("cluster-file.md"),
      schema: join(packageRoot, "docs/cluster.schema.json"),
    };
    const text = await render(draft, file);
    await createClusterFile(file, text);
    io.stdout.write(`${file} is written. ${nextSteps(file, draft)}`);
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
  const { usable, others } = await listInterfaces();
  const described = usable.map(
    ({ name, address, subnet, isWayOut }) =>
      `${name}  ${address}/${subnet.prefixLength}${isWayOut ? "  this machine's way out, hardly the nodes' network" : ""}`,
  );
  const unfit = others.map(({ name, lacks }) => `${name} (${lacks})`).join(", ");
  if (given !== undefined) {
    const found = usable.find(({ name }) => name === given);
    if (found !== undefined) return found;
    const own = others.find(({ name }) => name === given);
    if (own !== undefined) throw unusable(`${given} cannot be used yet: ${own.lacks}`, given);
    const names = [...usable, ...others].map(({ name }) => name);
    throw new ImagectlError("INTERFACE_UNUSABLE", `there is no interface ${given} here`, {
      hint: hintForName(given, names),
    });
  }
  if (usable.length === 0) {
    const which = others.length === 1 ? (others[0]?.name ?? "NAME") : "NAME";
    throw unusable(`no interface here can be used yet${unfit === "" ? "" : `: ${unfit}`}`, which);
  }
  if (unfit !== "" && asker.ask !== undefined) {
    asker.say(`Not offered: ${unfit}. To use one, leave with Ctrl-C, and: ${giveAddress("NAME")}\n`);
  }
  return choose(asker, {
    question: "The interface on the nodes' network",
    items: usable,
    shown: described,
    hint: `--interface NAME; here are: ${described.join(", ")}`,
    preferred: usable.length === 1 && usable[0]?.isWayOut === false ? usable[0] : undefined,
  });
}

function unusable(message: string, name: string): ImagectlError {
  return new ImagectlError("INTERFACE_UNUSABLE", message, {
    hint: `It needs an address on the nodes' network, a link, and to be up: ${giveAddress(name)}`,
  });
}

/** An address out of the sample: whoever has a network already has one of its own. */
function giveAddress(name: string): string {
  return `sudo ip address add 10.77.0.1/24 dev ${name}; sudo ip link set ${name} up`;
}

async function chooseKeys(
  given: readonly string[] | undefined,
  asker: Asker,
  io: CommandIo,
): Promise<readonly string[]> {
  const read = async (one: string, word: string): Promise<string> =>
    checkKey(one, await readKeyArgument(one, io.env), word);
  if (given !== undefined) return Promise.all(given.map((one) => read(one, "--key ")));
  const all = await listPublicKeys(io.env);
  if (all.length === 0 && asker.ask === undefined) {
    throw new ImagectlError("USAGE", "init: no public key was found in ~/.ssh, and none was named", {
      hint: "Make one: ssh-keygen -t ed25519. Or name one: imagectl init --key FILE.pub",
    });
  }
  const none = " (none is in ~/.ssh here; to make one, in another window: ssh-keygen -t ed25519)";
  const lines = all.map(({ line }) => line);
  const line = await choose(asker, {
    question: `The user's public key${all.length === 0 ? none : ""}`,
    items: lines,
    shown: all.map(({ path, line }) => `${path}  ${line.split(" ").slice(2).join(" ")}`),
    hint: `--key FILE; here are: ${all.map(({ path }) => path).join(", ")}`,
    preferred: lines.length === 1 ? lines[0] : undefined,
    other: { words: "a .pub file, or its line pasted", read: (answer) => read(answer, "") },
  });
  return [line];
}

/** @param word what stands before a file's name where it is asked for. */
function checkKey(given: string, text: string, word: string): string {
  const answer = parsePublicKey(text);
  if (answer.kind === "key") return answer.line;
  // The other one of the two files; nothing of it was shown to anybody.
  const isOtherFile = given !== text && text.includes("PRIVATE KEY");
  throw new ImagectlError(
    "PUBLIC_KEY_REFUSED",
    `${word}${given === text ? "" : `${given}: `}${answer.message}`,
    {
      hint: isOtherFile ? `Name its public half: ${word}${given}.pub` : answer.hint,
    },
  );
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

function nextSteps(file: string, { nodes }: Draft): string {
  const isFound = file === clusterFile(undefined, {});
  const option = isFound ? "" : ` --cluster ${file}`;
  const steps = [
    ...(nodes.length > 0 ? [] : [[`editor ${file}`, "add your nodes at its end"]]),
    [`imagectl validate${isFound ? "" : ` ${file}`}`, "every problem with its line; again after each change"],
    [`sudo imagectl doctor${option}`, "what this machine still lacks as a bastion"],
    [`sudo imagectl build${option}`, "the image that the nodes get"],
  ] as const;
  const width = Math.max(...steps.map(([line]) => line.length));
  return `Next:\n${steps.map(([line, why]) => `  ${line.padEnd(width)}  # ${why}\n`).join("")}`;
}
