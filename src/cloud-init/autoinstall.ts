/** What Ubuntu's installer is told: user-data that fetches the deploy environment, and the document for the machine. Pure. */
import type { Ipv4Address, MacAddress } from "../address.ts";
import { writeYaml } from "../yaml-file.ts";

/** What is known before the machine has been looked at. */
export type UserDataRequest = {
  readonly hostname: string;
  /** Of this boot, with its token. No slash at its end. */
  readonly seedUrl: string;
  /** Of the deploy environment as a folder in a tar: `templates/installers/ubuntu/early-command.sh` fetches it. */
  readonly environmentSha256: string;
  /** The text of that script. */
  readonly earlyCommand: string;
};

export type AutoinstallRequest = UserDataRequest & {
  readonly domain: string;
  readonly mac: MacAddress;
  readonly address: Ipv4Address;
  readonly prefixLength: number;
  readonly nameServers: readonly string[];
  /** Where packages are. Without a slash at the end. */
  readonly archives: { readonly main: string; readonly security: string };
  /** `http://10.77.0.1:3142`; undefined: the archives are reached without one. */
  readonly proxy: string | undefined;
  /** The one disk that the bastion chose: `/dev/nvme0n1`. */
  readonly disk: string;
  readonly startsBy: "uefi" | "bios";
};

type Action = Readonly<Record<string, string | number | boolean>>;

/** Ubuntu's installer and cloud-init read with PyYAML. */
const pythons = { version: "1.1" } as const;

/** Where the early-command puts the deploy environment. */
const turn = "/imagectl-environment/imagectl/turn";

/**
 * The seed's `user-data`. Whoever knows the token may read it, so nothing in it is secret, and nothing of it is about the
 * machine. The installer reads only the early-commands and where to report to; then it reads the document again, and
 * the early-command has put the machine's in its place. Source: subiquity, "early-commands".
 */
export function makeUserData(request: UserDataRequest): string {
  const document = {
    // The session's sshd is no way in: its user has a password that the console shows.
    ssh_pwauth: false,
    autoinstall: {
      version: 1,
      ...telling(request),
      ...commands(request),
      // If ever this one were taken for the machine's: no disk has such a number, and the installer stops.
      storage: { config: [{ type: "disk", id: "system", match: { serial: "imagectl has chosen no disk" } }] },
      "user-data": { hostname: request.hostname },
    },
  };
  return `#cloud-config\n${writeYaml(document, pythons)}`;
}

/**
 * The document for one machine, for /autoinstall.yaml: its keys are at the margin, as every installer takes them.
 * Accounts, keys and packages of the plan come with its layers, by the late-command.
 */
export function makeAutoinstall(request: AutoinstallRequest): string {
  const { hostname, archives, proxy } = request;
  const document = {
    version: 1,
    ...telling(request),
    ...commands(request),
    locale: "C.UTF-8",
    keyboard: { layout: "us" },
    timezone: "Etc/UTC",
    // The plan says which driver a node has; the installer would look for one of its own.
    source: { id: "ubuntu-server-minimal", search_drivers: false },
    drivers: { install: false },
    "refresh-installer": { update: false },
    network: networkOf(request),
    ...(proxy === undefined ? {} : { proxy }),
    apt: {
      geoip: false,
      // Without it, an archive that is not reached gives a system without its packages, and no error.
      fallback: "abort",
      "mirror-selection": { primary: [{ uri: archives.main, arches: ["amd64"] }] },
      security: [{ uri: archives.security, arches: ["amd64"] }],
    },
    storage: storageOf(request),
    ssh: { "install-server": false },
    "user-data": { hostname },
    updates: "security",
    shutdown: "reboot",
  };
  return writeYaml(document, pythons);
}

function telling({ seedUrl }: UserDataRequest) {
  return { reporting: { bastion: { type: "webhook", endpoint: `${seedUrl}/installer-report` } } };
}

function commands({ earlyCommand, environmentSha256 }: UserDataRequest) {
  return {
    "early-commands": [["sh", "-c", earlyCommand, "imagectl", environmentSha256]],
    "late-commands": [keepLogsInMemory, [turn, "finish"]],
    "error-commands": [[turn, "failed"]],
  };
}

/**
 * The installer copies its logs to the new system when its late-commands are over, with the kernel's command line and the
 * token in them. Source: subiquity, "copy_logs_to_target".
 */
const keepLogsInMemory =
  "mkdir -p /target/var/log/installer && mount -t tmpfs tmpfs /target/var/log/installer";

/** The card that booted has the address that it is known by; the others are left alone until the plan's network is there. */
function networkOf({ mac, address, prefixLength, nameServers, domain }: AutoinstallRequest) {
  const card = {
    match: { macaddress: mac },
    addresses: [`${address}/${prefixLength}`],
    nameservers: { addresses: nameServers, search: [domain] },
  };
  return { version: 2, ethernets: { boot: card } };
}

/**
 * As a golden image's disk: templates/deploy/imagectl/disk.sh. Both firmwares can start it; GRUB is written for the one that
 * the machine has. Source: curtin, "Storage".
 */
function storageOf({ disk, startsBy }: AutoinstallRequest) {
  const isUefi = startsBy === "uefi";
  const partition = (id: string, size: string | number, more: Action = {}): Action => ({
    type: "partition",
    id,
    device: "system",
    size,
    ...more,
  });
  const filesystem = (of: string, fstype: string, path: string): Action[] => [
    { type: "format", id: `${of}-fs`, volume: of, fstype },
    { type: "mount", id: `${of}-mount`, device: `${of}-fs`, path },
  ];
  const config: Action[] = [
    {
      ...{ type: "disk", id: "system", path: disk, ptable: "gpt", wipe: "superblock-recursive" },
      grub_device: !isUefi,
    },
    partition("bios", "1M", { flag: "bios_grub" }),
    partition("esp", "512M", { flag: "boot", grub_device: isUefi }),
    partition("root", -1),
    ...filesystem("root", "ext4", "/"),
    ...filesystem("esp", "fat32", "/boot/efi"),
  ];
  // The bastion sets the boot order when all is done.
  return { swap: { size: 0 }, grub: { reorder_uefi: false }, config };
}
