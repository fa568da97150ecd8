/** A role: everything about one concern together, as its folder says it. `src/` names no role. */
import type { Sha256 } from "../digest.ts";
import type { Finding } from "../errors.ts";

/**
 * JSON-Schema subset for parameters: the types that a YAML scalar or list of scalars can have; and `file`, a file of the
 * operator that an image is built with, which has no default.
 */
export type ParamSchema = {
  readonly type: "string" | "integer" | "boolean" | "array" | "file";
  readonly enum?: readonly (string | number)[];
  readonly items?: { readonly type: "string" | "integer" };
  /** A JavaScript regular expression for the whole of a text, or of each text of a list. */
  readonly pattern?: string;
  readonly default: unknown;
  readonly description: string;
};

/** The value of a parameter of type `file`. */
export type BuildFile = {
  /** As the cluster file has it: absolute, or from the cluster file's folder. */
  readonly path: string;
  readonly sha256: Sha256;
};

export type RoleFile = {
  /** Absolute path on the node. */
  readonly path: string;
  /** Permission bits, e.g. 0o644. */
  readonly mode: number;
  readonly owner: string;
  readonly group: string;
  readonly content: string;
  /** True for `.hbs`: content is rendered with the role view. */
  readonly isTemplate: boolean;
  /** Where it came from, for messages: `templates/roles/sshd/files/etc/ssh/sshd_config.hbs`. */
  readonly source: string;
};

/** An archive of packages beside those of the system: sources.list(5). */
export type PackageArchive = {
  readonly name: string;
  readonly uri: string;
  readonly suite: string;
  /** None where the suite ends with a slash: a flat archive. */
  readonly components: readonly string[];
  /** The public keys that sign it, ASCII-armoured. */
  readonly key: string;
};

export type RoleService = {
  /** systemd unit: `ssh.service`. */
  readonly unit: string;
  readonly state: "enabled" | "masked" | "disabled";
  /** When one of these paths changes on a running node, the unit gets `action`. */
  readonly onChange: readonly string[];
  readonly action: "restart" | "reload";
};

/** A command that apply runs after the files are in place. */
export type RoleCommand = {
  readonly name: string;
  /**
   * POSIX sh, run as root; may be a template (`{{ }}`). IMAGECTL_RUNNING is `yes` on a running system and `no`
   * in a chroot, where nothing may be started and the kernel is another machine's.
   */
  readonly run: string;
  /** Run when one of these paths changed in this apply. */
  readonly onChange?: readonly string[];
  /** Run when this sh test fails. Exactly one of `onChange` and `unless` is given. */
  readonly unless?: string;
};

/**
 * Runs with the new files in place, before any command or service sees them; when it fails, the old files come
 * back. POSIX sh with IMAGECTL_RUNNING, as for commands.
 */
export type RoleValidator = {
  readonly name: string;
  readonly run: string;
  readonly paths: readonly string[];
};

/** A value that is on the bastion alone until a file of this role goes to a node. */
export type RoleSecret = {
  readonly name: string;
  /** `node`: each machine has its own; `cluster`: all have the same. */
  readonly scope: "node" | "cluster";
  readonly description: string;
  /** The command that makes it, shown where it is missing; may be a template. */
  readonly make: string;
};

export type FirewallRule = PortRule | GroupRule;

/** One port, for machines of one kind. */
export type PortRule = {
  readonly direction: "in" | "out";
  readonly protocol: "tcp" | "udp";
  readonly port: number;
  /** Who may connect (in) or be reached (out); nodes are all machines of their network. */
  readonly peer: "bastion" | "nodes" | "anyone";
  /** Instead of `peer` where the role is the bastion's own: to itself, nothing needs a rule. */
  readonly onBastion?: "nodes" | "anyone";
  readonly comment: string;
  /** What an operator does on the bastion where nothing answers there; SUBNET stands for the nodes' network. */
  readonly mend?: string;
};

/** Everything, from or to the other nodes of the group: jobs that span nodes choose their ports as they like. */
export type GroupRule = {
  readonly direction: "in" | "out";
  readonly protocol: "any";
  readonly port: "any";
  readonly peer: "group";
  readonly comment: string;
};

/** What Prometheus asks each machine of this role for; `path` such as /metrics. */
export type RoleScrape = { readonly job: string; readonly port: number; readonly path: string };

/** One group of Prometheus rules. */
export type AlertGroup = {
  readonly name: string;
  /** One entry of a YAML list, without a line end: `- name: smartd\n  rules: …`. */
  readonly text: string;
};

export type Vantage = "node" | "bastion" | "outsider";

export type Matcher = { readonly equals: string } | { readonly matches: string } | { readonly lacks: string };

type AnswerParts = {
  readonly exit: number | "nonzero";
  readonly stdout: Matcher;
  readonly stderr: Matcher;
};

/**
 * What a check's command must answer. At least one of the three is given, by type: a check without an
 * expectation cannot be written down. `nonzero` is a program that ran and refused: 124 (timed out), 126 and
 * 127 (not run at all) are red unless they are expected by number.
 */
export type Expectation = {
  [Part in keyof AnswerParts]: Pick<AnswerParts, Part> & Partial<Omit<AnswerParts, Part>>;
}[keyof AnswerParts];

/** What must turn a check red. Injected where `at` says (default: on the node), undone by `undo` or a fresh apply. */
export type Fault =
  | { readonly kind: "remove"; readonly path: string }
  | { readonly kind: "append"; readonly path: string; readonly text: string }
  | { readonly kind: "run"; readonly at: Vantage; readonly run: string; readonly undo: string };

export type Check = {
  readonly role: string;
  /** A claim: "a password login is refused". */
  readonly name: string;
  readonly from: Vantage;
  /** POSIX sh, run as root at `from`; may be a template. */
  readonly run: string;
  readonly expect: Expectation;
  /** False: a red check warns but does not keep the node from being ready. */
  readonly gate: boolean;
  /** What a place must have for the check to make sense: `kernel-modules`, `kernel-command-line`, `hardware-gpu`. */
  readonly needs: readonly string[];
  readonly fault: Fault;
  /** Seconds after which the command is killed and the check red. */
  readonly timeoutSeconds: number;
};

/** One role for one OS: `byOs` and `files@…` are already merged. */
export type Role = {
  readonly name: string;
  /** Its folder, for messages: `templates/roles/sshd`. */
  readonly source: string;
  /** `file:line:column` of its named things, by `placeKey` of places.ts. */
  readonly places: Readonly<Record<string, string>>;
  readonly summary: string;
  readonly params: Readonly<Record<string, ParamSchema>>;
  /** Families and releases that it is for; empty: all. */
  readonly systems: readonly string[];
  readonly needs: readonly string[];
  readonly secrets: readonly RoleSecret[];
  readonly packages: readonly string[];
  /** Of the archives, beside those of every image: `non-free`. */
  readonly components: readonly string[];
  /** Installed while an image is built, and gone from it afterwards. */
  readonly buildPackages: readonly string[];
  readonly archives: readonly PackageArchive[];
  readonly services: readonly RoleService[];
  readonly firewall: readonly FirewallRule[];
  readonly scrapes: readonly RoleScrape[];
  readonly alerts: readonly AlertGroup[];
  readonly files: readonly RoleFile[];
  readonly commands: readonly RoleCommand[];
  readonly validators: readonly RoleValidator[];
  readonly checks: readonly Check[];
};

/** All roles, ours and the operator's. */
export type RoleCatalogue = {
  readonly names: readonly string[];
  /** Problems met while reading the folders; shown with those of the cluster file. */
  readonly findings: readonly Finding[];
  /** The role as it is for this OS; undefined when there is no such role. */
  role(name: string, os: string): Role | undefined;
};
