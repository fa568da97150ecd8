/** What the doctor knows of a bastion: collected by doors, judged by pure functions. */
import type { Ipv4Address } from "../address.ts";
import type { Finding } from "../errors.ts";
import type { InterfaceFact } from "../interfaces.ts";
import type { ForeignServer } from "../pxe/dhcp/probe.ts";
import type { ProcessOwner, Socket } from "./sockets.ts";

/** Something that was looked at and is as it should be. */
export type Fine = { readonly severity: "fine"; readonly where: string; readonly message: string };

/** One for each thing that was looked at. */
export type Answer = Fine | Finding;

export function fine(where: string, message: string): Fine {
  return { severity: "fine", where, message };
}

export type SpaceFact = {
  /** What is kept there, such as `images`. */
  readonly what: string;
  readonly path: string;
  readonly freeBytes: number;
  readonly neededBytes: number;
  /** How to get more. */
  readonly hint: string;
};

export type ClockFact = {
  readonly now: Date;
  /** No clock can be before these: something is there already that was made then. */
  readonly earliest: readonly { readonly what: string; readonly at: Date }[];
  /** Undefined: nothing on this machine could say it. */
  readonly isSynchronised: boolean | undefined;
};

/** A private file or folder, and which permission bits nobody else may have beyond. */
export type PrivacyFact = {
  readonly path: string;
  readonly mode: number;
  readonly mostBits: number;
  /** It belongs neither to root nor to whoever asks. */
  readonly isForeign: boolean;
};

/** One archive that packages come from, asked as apt asks it. */
export type MirrorFact = {
  readonly url: string;
  /** Undefined: it answered. */
  readonly failure: string | undefined;
  /** Undefined: it is there. */
  readonly missingKeyring: string | undefined;
};

export type KvmFact =
  | { readonly kind: "no-device" | "not-tried" | "no-kernel" | "runs" }
  | { readonly kind: "fails"; readonly reason: string };

export type HostFacts = {
  readonly isRoot: boolean;
  /** Programs of the table in programs.ts that are not in PATH. */
  readonly missingPrograms: readonly string[];
  readonly missingIpxeFiles: readonly string[];
  readonly space: readonly SpaceFact[];
  readonly clock: ClockFact;
  readonly privacy: readonly PrivacyFact[];
  readonly mirrors: readonly MirrorFact[];
  readonly kvm: KvmFact;
};

export type ForeignDhcp =
  | { readonly kind: "asked"; readonly servers: readonly ForeignServer[] }
  | { readonly kind: "not-asked"; readonly reason: string; readonly hint: string };

/** Something that nodes reach on the bastion, as a role declares it. */
export type NodeNeed = {
  readonly protocol: "tcp" | "udp";
  readonly port: number;
  readonly comment: string;
  readonly role: string;
  /** What puts it there, where the role says it. */
  readonly mend?: string | undefined;
};

export type NetworkFacts = {
  /** What the cluster file says of the bastion. */
  readonly wanted: { readonly name: string; readonly address: Ipv4Address; readonly prefixLength: number };
  readonly interfaces: readonly InterfaceFact[];
  readonly sockets: readonly Socket[];
  readonly owners: readonly ProcessOwner[];
  readonly foreignDhcp: ForeignDhcp;
  readonly needs: readonly NodeNeed[];
  readonly nameServers: readonly { readonly address: string; readonly failure: string | undefined }[];
};

export type ServerFact = {
  readonly pid: number;
  readonly clusterFile: string;
  readonly interface: string;
};

/** The newest image of an image plan, and the groups that it is for. */
export type ImageFact = {
  readonly os: string;
  readonly groups: readonly string[];
  readonly image: { readonly id: string; readonly createdAt: Date } | undefined;
};

export type ClusterFacts = {
  readonly file: string;
  /** Errors alone, of the file, its roles and its plans. */
  readonly errors: readonly Finding[];
  readonly nodes: number;
  readonly server: ServerFact | undefined;
  readonly images: readonly ImageFact[];
  /** Nodes cannot be armed without them. Undefined: only root may look. */
  readonly missingSecrets: readonly Finding[] | undefined;
};

export type Facts = {
  readonly host: HostFacts;
  readonly cluster: ClusterFacts;
  /** Undefined: the cluster file does not say which network. */
  readonly network: NetworkFacts | undefined;
};
