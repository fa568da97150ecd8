/** The shape of `cluster.yaml`: what may stand where. docs/cluster.schema.json is generated from it. */
import { z } from "zod";
import { Ipv4Address, Ipv4Subnet, MacAddress } from "../address.ts";
import { problem } from "../yaml-shape.ts";
import { described } from "./described.ts";
import { DiskPolicy, Size } from "./disk-schema.ts";
import { GroupLink, Nic, NodeLink } from "./link-schema.ts";
import { complainAboutLabel, labelPattern, userIds, userNamePattern } from "./names.ts";
import { parsePublicKey } from "./public-key.ts";

const Label = z
  .string()
  .meta({ pattern: labelPattern.source })
  .superRefine((name, context) => {
    const complaint = complainAboutLabel(name);
    if (complaint !== undefined)
      context.addIssue(problem(complaint.message, { code: "NAME_INVALID", hint: complaint.hint }));
  });

const Domain = z
  .string()
  .regex(
    /^(?=.{1,200}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/,
    "expected a domain name such as cluster or gpu.example.org",
  );

/** IFNAMSIZ is 16 with the closing zero byte (linux/if.h). */
const InterfaceName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$/, "expected the name of a network interface such as eth1");

const PublicKey = z.string().transform((text, context) => {
  const answer = parsePublicKey(text);
  if (answer.kind === "key") return answer.line;
  context.addIssue(problem(answer.message, { code: "PUBLIC_KEY_REFUSED", hint: answer.hint }));
  return z.NEVER;
});

/**
 * One word of the kernel command line. It passes through a boot script, GRUB's shell-like configuration and
 * the kernel's own splitting, so only what none of the three gives a meaning is taken.
 */
const KernelArgument = z
  .string()
  .regex(
    /^[A-Za-z0-9_.,:=/@%+~-]+$/,
    "expected one word of letters, digits and _ . , : = / @ % + ~ - (no spaces, quotes or $)",
  )
  .refine((word) => !word.startsWith("imagectl."), "words that start with imagectl. are imagectl's own");

const Network = z.strictObject({
  subnet: described(Ipv4Subnet, "the nodes' network, such as 10.77.0.0/24"),
  domain: described(Domain, "the domain of every node's full name, such as cluster"),
  dns: described(z.array(Ipv4Address).default([]), "addresses of name servers; [] where nodes have none"),
  gateway: described(Ipv4Address.optional(), "the default route; leave it out where nodes have none"),
  pool: described(
    z
      .strictObject({
        first: described(Ipv4Address, "the first address of the pool"),
        last: described(Ipv4Address, "the last address of the pool, itself included"),
      })
      .optional(),
    "addresses for machines that are not nodes; leave it out and they get no answer",
  ),
  outsider: described(Ipv4Address, "an address kept free, from which the checks try what must be refused"),
});

const Bastion = z.strictObject({
  hostname: described(Label, "the bastion's name, such as bastion"),
  address: described(Ipv4Address, "the bastion's address on the nodes' network"),
  interface: described(InterfaceName, "the one interface on which DHCP, TFTP and HTTP answer, such as eth1"),
  group: described(
    z.string().optional(),
    "a group with method: none, from which the bastion itself is planned as nodes are",
  ),
});

const User = z.strictObject({
  uid: described(
    z
      .int()
      .min(userIds.first, `users have ids from ${userIds.first} to ${userIds.last}`)
      .max(userIds.last, `users have ids from ${userIds.first} to ${userIds.last}`),
    `a number from ${userIds.first} to ${userIds.last}, the same on every machine and never used again`,
  ),
  admin: described(z.boolean().default(false), "true for those who may become root"),
  keys: described(
    z.array(PublicKey).min(1, "a user needs at least one key: there are no passwords"),
    "lines of the user's .pub files, such as ssh-ed25519 AAAA… alice@laptop",
  ),
});

const OperatingSystemId = z
  .string()
  .regex(/^[a-z]+-[0-9]+(\.[0-9]+)?$/, "expected an operating system such as debian-12");

const Count = z.int("expected a number").min(1).max(4096);

const Requirements = z.strictObject({
  ram: described(Size.optional(), "memory, such as 512GiB"),
  cpus: described(Count.optional(), "logical CPUs as the kernel counts them"),
  disks: described(Count.optional(), "fixed disks, the system disk among them"),
  nics: described(Count.optional(), "Ethernet cards (ports)"),
});

/** What an installer's own programs can use: their parsers are simple ones. */
const HttpUrl = z
  .string()
  .regex(
    /^http:\/\/[A-Za-z0-9.-]+(:[0-9]{1,5})?(\/[A-Za-z0-9._~-]+)*$/,
    "expected an address such as http://10.77.0.1:3142, without a slash at its end",
  );

const Group = z.strictObject({
  os: described(OperatingSystemId, "the operating system as family-version, such as debian-12"),
  method: described(
    z.enum(["golden", "installer", "none"]),
    "how the operating system gets on the disk: golden, installer or none",
  ),
  installer: described(
    z
      .strictObject({
        mirror: described(
          HttpUrl.exactOptional(),
          "where packages are, such as http://deb.debian.org/debian; default: the vendor's; plain HTTP, as the installer speaks it",
        ),
        security: described(
          HttpUrl.exactOptional(),
          "where their security updates are, such as http://deb.debian.org/debian-security; default: the vendor's",
        ),
        proxy: described(
          HttpUrl.exactOptional(),
          "the way to it, such as http://10.77.0.1:3142; default: none",
        ),
      })
      .exactOptional(),
    "for method: installer: where the system's own installer gets its packages",
  ),
  roles: described(z.array(Label), "names of role folders; what a role needs must be listed as well"),
  params: described(
    z.record(z.string(), z.record(z.string(), z.unknown())).default({}),
    "values for the parameters of roles, by role; docs of a role: its role.yaml",
  ),
  userData: described(
    z.string().optional(),
    "cloud-init user-data of your own for golden nodes, beginning with #cloud-config; needs a role that installs cloud-init",
  ),
  kernelArguments: described(
    z.array(KernelArgument).default([]),
    'words for the kernel command line, such as "console=ttyS0,115200n8"',
  ),
  disk: described(DiskPolicy.default({ match: {} }), "which disks hold the system, and which hold data"),
  link: described(GroupLink.optional(), "how the nodes' cards are joined to the network: mtu, vlan, bond"),
  requires: described(
    Requirements.default({}),
    "what a machine has at least; one that has less is refused before anything is written to it",
  ),
  restart: described(
    z.enum(["reboot", "kexec"]).default("reboot"),
    "how reinstalls restart a node: reboot, or kexec to leave out the firmware's minutes (needs the role fast-restart)",
  ),
});

/** Names are checked with the file (check.ts), so that a bad name does not hide what else is wrong below it. */
const named = <Entry extends z.ZodType>(pattern: RegExp, entry: Entry) =>
  z.record(z.string().meta({ pattern: pattern.source }), entry);

const Node = z.strictObject({
  mac: described(
    MacAddress,
    "the card that network-boots, such as 52:54:00:77:00:11 (on the machine's label, or: ip link)",
  ),
  address: described(Ipv4Address, "the node's address in the subnet"),
  group: described(z.string(), "one of the names under groups"),
  os: described(
    OperatingSystemId.optional(),
    "instead of the group's operating system, such as debian-12: for a node that goes ahead or stays behind",
  ),
  disk: described(DiskPolicy.optional(), "replaces the group's disk whole"),
  link: described(
    NodeLink.optional(),
    "goes before the group's link, value by value; here the bond's members",
  ),
  nics: described(
    named(labelPattern, Nic).default({}),
    "cards beside the one that boots (storage, fabric), by a name of your choice",
  ),
});

export const ClusterFile = z.strictObject({
  cluster: described(Label, "the cluster's name, such as lab"),
  network: described(Network, "the network that the nodes and the bastion share"),
  bastion: described(Bastion, "the machine that boots the nodes"),
  users: described(named(userNamePattern, User).default({}), "people with an account on every node, by name"),
  groups: described(named(labelPattern, Group), "kinds of nodes: what they run, by name"),
  // The reader takes an empty `nodes:` for none (parse.ts), so editors do as well.
  nodes: described(
    named(labelPattern, Node).meta({ type: ["object", "null"] }),
    "the machines, by host name",
  ),
});
export type ClusterFile = z.output<typeof ClusterFile>;

/** The fields of a map that could be read; the others, and unknown keys, are left out. */
function loose<Shape extends z.ZodRawShape>(entry: z.ZodObject<Shape>) {
  const fields = Object.entries(entry.shape).map(([key, field]) => [
    key,
    (field as z.ZodType).optional().catch(undefined),
  ]);
  return z.object(Object.fromEntries(fields)).catch({}) as unknown as z.ZodType<
    Partial<z.output<z.ZodObject<Shape>>>
  >;
}

/**
 * The same file with everything that is wrong left out: what the checks across the file look at, so that
 * one bad line does not hide the others.
 */
export const LooseClusterFile = z.object({
  network: loose(Network),
  bastion: loose(Bastion),
  users: z.record(z.string(), loose(User)).catch({}),
  groups: z.record(z.string(), loose(Group)).catch({}),
  nodes: z.record(z.string(), loose(Node)).catch({}),
});
export type LooseClusterFile = z.output<typeof LooseClusterFile>;

/** @returns the JSON Schema (draft 2020-12) for editors. */
export function clusterJsonSchema(): Record<string, unknown> {
  return { ...z.toJSONSchema(ClusterFile, { io: "input" }), title: "imagectl cluster file" };
}
