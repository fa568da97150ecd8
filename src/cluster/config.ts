/** What `cluster.yaml` says, parsed: all intent is here and nowhere else. */
import type { Ipv4Address, Ipv4Interface, Ipv4Subnet, MacAddress } from "../address.ts";

/** `debian-12`: family and release, as /etc/os-release's ID and VERSION_ID. */
export type OsId = string;

/** How a running node is brought to the deploy environment, and from there into its new system. */
export type Restart = "reboot" | "kexec";

export type Method = "golden" | "installer" | "none";

/** Which disk is meant. Empty means: the only disk there is. Two candidates are a refusal. */
export type DiskMatch = {
  /** Glob against the serial number (lsblk SERIAL). */
  readonly serial?: string;
  readonly model?: string;
  /** Glob against a /dev/disk/by-path name. */
  readonly idPath?: string;
  readonly wwn?: string;
  readonly minBytes?: number;
  readonly maxBytes?: number;
};

/** What a deploy makes on a data disk. */
export type DataFilesystem = "ext4" | "xfs";

export type DataDisk = {
  readonly match: DiskMatch;
  /** Absolute path of the mount point. */
  readonly mount: string;
} & (
  | { readonly policy: "keep" }
  /** `wipe` makes it anew at each deploy, `scratch` only where it holds no file system of ours. */
  | { readonly policy: "wipe" | "scratch"; readonly filesystem: DataFilesystem }
);

export type DiskPolicy = {
  /** Which disk holds the system and may be overwritten. */
  readonly match: DiskMatch;
  /** A second disk for the same system (RAID 1). */
  readonly mirror?: { readonly match: DiskMatch };
  readonly data?: readonly DataDisk[];
};

/** 802.3ad is LACP: the switch takes part. active-backup: it does not have to know. */
export type BondMode = "802.3ad" | "active-backup";

/** How a node's own address sits on its cards. A node's values go before its group's, one by one. */
export type Link = {
  /** Bytes of the largest packet. Absent: 1500. */
  readonly mtu?: number;
  /** The network is reached by frames with this tag (IEEE 802.1Q). */
  readonly vlan?: { readonly id: number };
  readonly bond?: {
    readonly mode?: BondMode;
    /** Of a node only: the cards, the one that boots among them. */
    readonly members?: readonly MacAddress[];
  };
};

/** A card beside the one that boots: storage, fabric. */
export type Nic = {
  readonly name: string;
  readonly mac: MacAddress;
  /** Absent: it is brought up without an address. */
  readonly address?: Ipv4Interface;
  readonly mtu?: number;
  /** Whether a boot waits for it, with an end to the waiting. */
  readonly required: boolean;
};

/** What a machine of the group has at least; checked before anything is written to it. */
export type Requirements = {
  readonly ramBytes?: number;
  readonly cpus?: number;
  /** Fixed disks, the system disk among them. */
  readonly disks?: number;
  readonly nics?: number;
};

export type User = {
  readonly name: string;
  readonly uid: number;
  readonly admin: boolean;
  /** OpenSSH public key lines without options. */
  readonly keys: readonly string[];
};

export type Group = {
  readonly name: string;
  readonly os: OsId;
  readonly method: Method;
  readonly roles: readonly string[];
  /** Parameters of roles, by role name; checked against each role's schema when the plan is made. */
  readonly params: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly kernelArguments: readonly string[];
  readonly disk: DiskPolicy;
  readonly requires: Requirements;
  /** On reinstalls only: the first deploy on a machine always goes through its firmware. */
  readonly restart: Restart;
  /** For the method of that name. */
  readonly installer?: InstallerSource;
  readonly link?: Link;
  /** The operator's own `#cloud-config` for cloud-init on golden nodes. */
  readonly userData?: string;
};

/** Where the system's own installer gets its packages; undefined members: from the archive itself. */
export type InstallerSource = {
  readonly mirror?: string;
  readonly security?: string;
  readonly proxy?: string;
};

/** What roles are chosen by: can be known of a group even where the rest of the file is wrong. */
export type RoleChoice = Pick<Group, "name" | "os" | "roles" | "params">;

export type Node = {
  readonly name: string;
  readonly mac: MacAddress;
  readonly address: Ipv4Address;
  readonly group: string;
  /** Instead of the group's: one node goes ahead of the others, or stays behind. */
  readonly os?: OsId;
  /** Replaces the group's policy whole. */
  readonly disk?: DiskPolicy;
  readonly link?: Link;
  readonly nics: readonly Nic[];
};

export type ClusterConfig = {
  readonly name: string;
  readonly domain: string;
  readonly subnet: Ipv4Subnet;
  readonly dns: readonly Ipv4Address[];
  readonly gateway?: Ipv4Address;
  /** Addresses for machines that are not nodes and do not network-boot. Absent: they get no answer. */
  readonly pool?: { readonly first: Ipv4Address; readonly last: Ipv4Address };
  readonly bastion: {
    readonly hostname: string;
    readonly address: Ipv4Address;
    /** The one interface on which DHCP, TFTP and HTTP answer. */
    readonly interface: string;
    /** Its own plan, by method none; undefined: the operator keeps the bastion by hand. */
    readonly group?: string;
  };
  /** Kept free for the check from outside: a machine on the subnet that the nodes must refuse. */
  readonly outsider: Ipv4Address;
  readonly users: readonly User[];
  readonly groups: readonly Group[];
  readonly nodes: readonly Node[];
};
