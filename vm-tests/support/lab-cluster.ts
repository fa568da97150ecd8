/** The cluster of the tests: one node, one user, one admin, with keys made on the spot. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../src/run.ts";

export type LabCluster = {
  readonly file: string;
  /** Private keys of the users. */
  readonly userKeys: { readonly alice: string; readonly carol: string };
  /** Writes the file anew, as an operator's editor would. */
  rewrite(options: LabClusterOptions): void;
};

export type LabClusterOptions = {
  /** Names of users that the file has. */
  readonly users: readonly ("alice" | "carol")[];
  /** The operating system of its one group. */
  readonly os: TestSystem;
  /** What its nodes are; with user-data, the role that runs it comes to these. */
  readonly roles: readonly string[];
  /** The node's disk policy, as YAML flow: `{match: {}}`. */
  readonly disk: string;
  /** The operator's own user-data. */
  readonly userData?: string;
  /** Parameters of roles, as YAML flow: `{sshd: {kex: pq}}`. */
  readonly params?: string;
  /** Texts beside the cluster file, by name: its parameters may name them. */
  readonly files?: Readonly<Record<string, string>>;
  /** How the node is joined to the network, as YAML flow: `{mtu: 1400}`. */
  readonly link?: string;
  /** The node's other cards, as YAML flow. */
  readonly nics?: string;
  /** Nodes beside the one of every lab. */
  readonly otherNodes?: readonly { readonly name: string; readonly mac: string; readonly address: string }[];
  /** By the system's own installer, which gets packages from here, as YAML flow: `{proxy: …}`. Golden without it. */
  readonly installer?: string;
  /** Words for the kernel beside those of the consoles. */
  readonly kernelArguments?: readonly string[];
  /** How a reinstall restarts the node; the file's default without it. */
  readonly restart?: "kexec";
  /** What the bastion is, as a machine of the cluster with one card, eth0; without them it has no plan. */
  readonly bastionRoles?: readonly string[];
  /** Parameters of the bastion's roles beside the firewall's, as YAML: `time-server: {servers: []}`. */
  readonly bastionParams?: string;
};

/** The systems that whole nodes are proved with. */
export const labSystems = ["debian-12", "debian-13"] as const;
export type LabSystem = (typeof labSystems)[number];

/** As golden images where their archive answers, and 24.04 by a stand-in for its installer: support/live-iso.ts. */
export const ubuntuSystems = ["ubuntu-22.04", "ubuntu-24.04", "ubuntu-26.04"] as const;
export type UbuntuSystem = (typeof ubuntuSystems)[number];
export type TestSystem = LabSystem | UbuntuSystem;

/** What the suites of booted machines run on. IMAGECTL_TEST_SYSTEMS names others, with commas between. */
export const bootedSystems = chosenSystems(process.env.IMAGECTL_TEST_SYSTEMS);

function chosenSystems(names: string | undefined): readonly [TestSystem, ...TestSystem[]] {
  if (names === undefined) return labSystems;
  const known: readonly TestSystem[] = [...labSystems, ...ubuntuSystems];
  const [first, ...others] = names.split(",").map((name) => {
    const system = known.find((each) => each === name);
    if (system === undefined)
      throw new Error(`IMAGECTL_TEST_SYSTEMS: ${name} is none of ${known.join(", ")}`);
    return system;
  });
  return first === undefined ? labSystems : [first, ...others];
}

/** What every machine has that is logged in to, a bastion as well. */
export const minimalRoles: readonly string[] = ["base", "accounts", "sudo", "sshd", "firewall"];

/** The roles of every node: examples/cluster.yaml lists the same. */
export const standardRoles: readonly string[] = [
  "base",
  "time",
  "network",
  "dns",
  "accounts",
  "sudo",
  "sshd",
  "firewall",
  "upgrades",
  "recovery",
  "fast-restart",
];

/** Of a node that computes: what needs no other machine than the bastion. */
export const computingRoles: readonly string[] = [
  ...standardRoles,
  ...["fabric", "hardening", "node-exporter", "python-users", "smartd"],
];

export const wholeCluster: LabClusterOptions & { readonly os: LabSystem } = {
  users: ["alice", "carol"],
  os: "debian-12",
  roles: standardRoles,
  disk: "{match: {}}",
};

/** Where things are in every lab of the tests. */
export const lab = {
  bastion: "10.77.0.1",
  bastionInterface: "eth1",
  prefixLength: 24,
  outsider: "10.77.0.250",
  node: { name: "node1", address: "10.77.0.11", mac: "52:54:00:77:00:11" },
} as const;

/** The bastion's address as its operator gives it before imagectl is there. A path below the root, and its text. */
export const byHandAddress = {
  path: "etc/systemd/network/05-by-hand.network",
  text: `[Match]\nName=eth0\n\n[Network]\nAddress=${lab.bastion}/${lab.prefixLength}\n`,
} as const;

/** @param folder where file and keys go; made when it is missing. */
export async function makeLabCluster(
  folder: string,
  options: LabClusterOptions = wholeCluster,
): Promise<LabCluster> {
  mkdirSync(folder, { recursive: true });
  const userKeys = { alice: join(folder, "alice"), carol: join(folder, "carol") };
  for (const [name, file] of Object.entries(userKeys)) {
    await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", `${name}@lab`, "-f", file]);
  }
  const { files = {} } = options;
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const file = join(folder, "cluster.yaml");
  const rewrite = (changed: LabClusterOptions): void => {
    const publicKey = (name: "alice" | "carol"): string =>
      readFileSync(`${userKeys[name]}.pub`, "utf8").trim();
    writeFileSync(file, clusterText(changed, { alice: publicKey("alice"), carol: publicKey("carol") }));
  };
  rewrite(options);
  return { file, userKeys, rewrite };
}

function clusterText(options: LabClusterOptions, keys: Readonly<Record<"alice" | "carol", string>>): string {
  const { users, os, roles, disk, userData, restart, params, link, nics, otherNodes = [] } = options;
  const { installer, kernelArguments = [] } = options;
  const words = ["console=tty0", "console=ttyS0,115200n8", ...kernelArguments];
  const method = installer === undefined ? "golden" : `installer\n    installer: ${installer}`;
  const entries = {
    alice: `  alice: {uid: 10001, keys: ["${keys.alice}"]}\n`,
    carol: `  carol: {uid: 10002, admin: true, keys: ["${keys.carol}"]}\n`,
  };
  const node = `${link === undefined ? "" : `, link: ${link}`}${nics === undefined ? "" : `, nics: ${nics}`}`;
  const { bastion, desk } = bastionText(options);
  return `cluster: lab
network: {subnet: 10.77.0.0/24, domain: cluster, dns: [], outsider: ${lab.outsider}}
bastion: {hostname: bastion, address: ${lab.bastion}, ${bastion}}
users:
${users.map((user) => entries[user]).join("")}groups:
${desk}  gpu:
    os: ${os}
    method: ${method}
    roles: [${[...roles, ...(userData === undefined ? [] : ["userdata"])].join(", ")}]
    kernelArguments: ${JSON.stringify(words)}
    disk: ${disk}
    restart: ${restart ?? "reboot"}
    params: ${params ?? "{}"}
${userData === undefined ? "" : `    userData: ${JSON.stringify(userData)}\n`}nodes:
  node1: {mac: "${lab.node.mac}", address: ${lab.node.address}, group: gpu${node}}
${otherNodes.map((other) => `  ${other.name}: {mac: "${other.mac}", address: ${other.address}, group: gpu}\n`).join("")}`;
}

/** Entry and group of the bastion. */
function bastionText({ os, bastionRoles, bastionParams }: LabClusterOptions): {
  bastion: string;
  desk: string;
} {
  if (bastionRoles === undefined) return { bastion: `interface: ${lab.bastionInterface}`, desk: "" };
  const others = bastionParams === undefined ? "" : `, ${bastionParams}`;
  const roles = `roles: [${bastionRoles.join(", ")}], params: {firewall: {allowOutgoing: true}${others}}`;
  return {
    bastion: "interface: eth0, group: desk",
    desk: `  desk: {os: ${os}, method: none, ${roles}}\n`,
  };
}
