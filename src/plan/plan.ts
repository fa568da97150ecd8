/** The plan: all that is decided for one node, as pure data. No clock, chance, secret value or host. */
import type { Ipv4Address, MacAddress } from "../address.ts";
import type { DiskPolicy, InstallerSource, Method, OsId, Requirements, Restart } from "../cluster/config.ts";
import { digestOf, type Sha256 } from "../digest.ts";
import type {
  BuildFile,
  Check,
  FirewallRule,
  PackageArchive,
  RoleCommand,
  RoleService,
  RoleValidator,
} from "../roles/role.ts";

/** Public keys of the bastion that end up on nodes; they come into being with `imagectl serve` or `init`. */
export type ClusterTrust = {
  /** The bastion's key for the account `imagectl` on nodes, one OpenSSH line. */
  readonly agentKey: string;
  /** The cluster's SSH host CA, one OpenSSH line. */
  readonly hostCaKey: string;
};

/** Where a secret's value goes in a file: the plan knows the place, and never the value. */
export type SecretPlace = {
  readonly name: string;
  readonly scope: "node" | "cluster";
  /** The command that makes it. */
  readonly make: string;
  /** What stands there for people to read, `[secret NAME]`, begins and ends here: UTF-16 units of the content. */
  readonly start: number;
  readonly end: number;
};

export type PlannedFile = {
  readonly path: string;
  readonly mode: number;
  readonly owner: string;
  readonly group: string;
  readonly content: string;
  readonly role: string;
  /** In the order of their places. */
  readonly secrets?: readonly SecretPlace[];
};

export type PlannedCommand = RoleCommand & { readonly role: string };
export type PlannedService = RoleService & { readonly role: string };
export type PlannedValidator = RoleValidator & { readonly role: string };

/** What `apply` applies: one layer, ready to become a tar. */
export type Layer = {
  readonly files: readonly PlannedFile[];
  readonly commands: readonly PlannedCommand[];
  readonly services: readonly PlannedService[];
  readonly validators: readonly PlannedValidator[];
};

/** The only input of an image's key. Nodes with equal ImagePlans share an image. */
export type ImagePlan = Layer & {
  readonly os: OsId;
  readonly arch: "amd64";
  /** Sorted, without duplicates. */
  readonly packages: readonly string[];
  /** Of the archives, beside those of every image: `non-free`. Absent: none. */
  readonly components?: readonly string[];
  /** Of others, by name. Absent: none. */
  readonly archives?: readonly PackageArchive[];
  /** Installed while the image is built, and gone from it afterwards. Absent: none. */
  readonly buildPackages?: readonly string[];
  /** By digest, each once. Absent: none. */
  readonly buildFiles?: readonly BuildFile[];
};

export type NodePart = Layer & {
  readonly hostname: string;
  readonly domain: string;
  readonly group: string;
  /** The card that it boots from. Undefined on the bastion, which nobody boots. */
  readonly mac?: MacAddress;
  readonly address: Ipv4Address;
  readonly prefixLength: number;
  readonly bastionAddress: Ipv4Address;
  readonly outsiderAddress: Ipv4Address;
  readonly method: Method;
  /** For the method of that name: where its packages come from. */
  readonly installer?: InstallerSource;
  readonly disk: DiskPolicy;
  readonly requires: Requirements;
  /** Cards that the machine must have: those of its bond, and each that a boot waits for. */
  readonly requiredMacs: readonly MacAddress[];
  readonly restart: Restart;
  readonly kernelArguments: readonly string[];
  readonly firewall: readonly (FirewallRule & { readonly role: string })[];
  /** Rendered: `run` holds no template any more. */
  readonly checks: readonly Check[];
};

export type NodePlan = { readonly image: ImagePlan; readonly node: NodePart };

/** Where a file of the operator lies among what a step of a build brings along. */
export function buildFileName({ sha256 }: BuildFile): string {
  return `files/${sha256}`;
}

/** Where the commands of a build find it, and what its parameter is in templates: templates/recipes/enter-root.sh. */
export function buildFilePlace(file: BuildFile): string {
  return `/run/imagectl/${buildFileName(file)}`;
}

/** Identifies the plan that an attempt was armed with. */
export function planDigest(plan: NodePlan): Sha256 {
  return digestOf(plan);
}
