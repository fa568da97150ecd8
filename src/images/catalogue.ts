/** The operating systems that imagectl builds, as data. Adding one is adding an entry here. */
import { join } from "node:path";
import type { OsId } from "../cluster/config.ts";
import { ImagectlError } from "../errors.ts";
import { packageRoot } from "../paths.ts";

/** Where the packages of an OS come from when this machine's apt does not say. */
export type Archive = {
  /** apt `URIs:`; `suites` are relative to it. */
  readonly uri: string;
  readonly suites: readonly string[];
};

export type OperatingSystem = {
  readonly id: OsId;
  /** As in /etc/os-release's PRETTY_NAME, for people. */
  readonly title: string;
  /** Raised when the code that builds changes what it makes; scripts and data count by themselves. */
  readonly recipeVersion: number;
  readonly codename: string;
  /** Codenames by which this machine's apt may know the same archives. */
  readonly relatives: readonly string[];
  readonly components: readonly string[];
  readonly archives: readonly Archive[];
  /** Path of the keys that sign them: in the system, and on a machine that builds images of it. */
  readonly keyring: { readonly inSystem: string; readonly here: string };
  /** The full server kernel: the cloud one lacks the drivers of real controllers. */
  readonly kernelPackage: string;
  readonly firmwarePackages: readonly string[];
  /** dpkg path globs of firmware that need not be unpacked: what no server has. */
  readonly firmwareExcludes: readonly string[];
  /** A system that boots from disk by BIOS and UEFI; roles bring the rest. */
  readonly basePackages: readonly string[];
};

/** One whose archive also has what brings a machine up by the network. */
export type DebianSystem = OperatingSystem & {
  /** What the deploy environment's initramfs is assembled from. */
  readonly deployPackages: readonly string[];
  /** The system's own installer for the network, as its archive has it. */
  readonly installer: {
    readonly package: string;
    /** Where its kernel (`linux`) and its initrd (`initrd.gz`) lie, without a leading `/`. */
    readonly folder: string;
  };
};

/** Of every release of Debian and Ubuntu. */
const commonBase = [
  "apt",
  "dbus",
  "dosfstools",
  "e2fsprogs",
  "efibootmgr",
  "fdisk",
  "grub-efi-amd64-bin",
  "grub-efi-amd64-signed",
  "grub-pc-bin",
  "grub2-common",
  "initramfs-tools",
  "iproute2",
  "iputils-ping",
  "kmod",
  "netbase",
  "procps",
  "shim-signed",
  "systemd-sysv",
  "tzdata",
  "udev",
  "zstd",
] as const;

// Instead of `usrmerge`, which would bring all of Perl: /usr is merged before the first package comes.
const debianBase = [...commonBase, "usr-is-merged"].sort();

const debianDeploy = [
  "busybox",
  "curl",
  "dmsetup",
  "dosfstools",
  "e2fsprogs",
  "efibootmgr",
  "fdisk",
  "initramfs-tools",
  "iproute2",
  "kexec-tools",
  "kmod",
  "lvm2",
  "mdadm",
  "mount",
  // A rescue's way in: sshd, and ssh-keygen for its host key.
  "openssh-client",
  "openssh-server",
  "procps",
  "udev",
  "usr-is-merged",
  "xfsprogs",
  "zstd",
] as const;

const debianKeyring = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** The part of a Debian entry that follows from the release's number and codename. */
function debianArchives(release: number, codename: string) {
  return {
    codename,
    installer: {
      package: `debian-installer-${release}-netboot-amd64`,
      folder: `usr/lib/debian-installer/images/${release}/amd64/text/debian-installer/amd64`,
    },
    relatives: ["bullseye", "bookworm", "trixie"],
    components: ["main", "non-free-firmware"],
    archives: [
      { uri: "http://deb.debian.org/debian", suites: [codename, `${codename}-updates`] },
      { uri: "http://deb.debian.org/debian-security", suites: [`${codename}-security`] },
    ],
    keyring: { inSystem: debianKeyring, here: debianKeyring },
    kernelPackage: "linux-image-amd64",
  };
}

const debian12: DebianSystem = {
  id: "debian-12",
  title: "Debian 12 (bookworm)",
  recipeVersion: 1,
  ...debianArchives(12, "bookworm"),
  firmwarePackages: ["firmware-bnx2x", "firmware-misc-nonfree", "firmware-qlogic"],
  firmwareExcludes: ["/lib/firmware/i915/*", "/lib/firmware/mediatek/*"],
  basePackages: debianBase,
  deployPackages: debianDeploy,
};

const debian13: DebianSystem = {
  id: "debian-13",
  title: "Debian 13 (trixie)",
  recipeVersion: 1,
  ...debianArchives(13, "trixie"),
  // Intel's, with those of the ice driver, have a package of their own since trixie; graphics too.
  firmwarePackages: ["firmware-bnx2x", "firmware-intel-misc", "firmware-misc-nonfree", "firmware-qlogic"],
  firmwareExcludes: [
    "/usr/lib/firmware/intel/ish/*",
    "/usr/lib/firmware/intel/vpu/*",
    "/usr/lib/firmware/ti/*",
  ],
  // No longer essential, and no other package asks for them: logins at the console, and sysctls that let users ping.
  basePackages: [...debianBase, "linux-sysctl-defaults", "login"].sort(),
  deployPackages: debianDeploy,
};

/**
 * Of what `linux-firmware` brings, on which Ubuntu's kernels depend: graphics, wireless, phones, cameras, and chips of
 * switches. NVIDIA's own driver has its firmware in folders that begin with a digit.
 */
const noServersFirmware = [
  ...["amdgpu", "ath*", "brcm", "cirrus", "cypress", "dpaa2", "i915", "libertas", "mediatek"],
  ...["intel/avs", "intel/catpt", "intel/ipu", "intel/ish", "intel/iwlwifi", "intel/vpu", "intel/vsc"],
  ...["mellanox", "mrvl", "nvidia/[a-z]*", "qca", "qcom", "radeon", "rtl_bt", "rtlwifi", "rtw88", "rtw89"],
  ...["ti", "ti-connectivity", "xe"],
].map((name) => `/lib/firmware/${name}/*`);

/** The part of an Ubuntu entry that follows from the release's number and codename: all of it. */
function ubuntu(release: string, codename: string): OperatingSystem {
  return {
    id: `ubuntu-${release}`,
    title: `Ubuntu ${release} LTS (${codename})`,
    recipeVersion: 1,
    codename,
    relatives: ["focal", "jammy", "noble", "resolute"],
    components: ["main", "universe"],
    archives: [
      { uri: "http://archive.ubuntu.com/ubuntu", suites: [codename, `${codename}-updates`] },
      { uri: "http://security.ubuntu.com/ubuntu", suites: [`${codename}-security`] },
    ],
    keyring: {
      inSystem: "/usr/share/keyrings/ubuntu-archive-keyring.gpg",
      // Debian 12 has no package of them. Key F6EC B376 2474 EDA9 D21B 7022 8719 20D1 991B C93C (2018), from Debian 13's.
      here: join(packageRoot, "templates/recipes/ubuntu-archive-key.gpg"),
    },
    // It depends on all modules and on linux-firmware.
    kernelPackage: "linux-image-generic",
    firmwarePackages: [],
    // Packages name their files as they lie in /lib, or in /usr/lib since /usr was merged.
    firmwareExcludes: [...noServersFirmware, "/lib/firmware/iwlwifi-*"].flatMap((glob) => [
      glob,
      `/usr${glob}`,
    ]),
    basePackages: commonBase,
  };
}

export const operatingSystems: readonly OperatingSystem[] = [
  debian12,
  debian13,
  ubuntu("22.04", "jammy"),
  ubuntu("24.04", "noble"),
  ubuntu("26.04", "resolute"),
];

/** Of which the deploy environment is made where the system's own archive has no parts for one. */
export const environmentSystem = debian13;

/** @returns of whose packages the deploy environment is made that brings this system to machines. */
export function environmentFor(os: OperatingSystem): DebianSystem {
  return isDebian(os) ? os : environmentSystem;
}

function isDebian(os: OperatingSystem): os is DebianSystem {
  return "deployPackages" in os;
}

/** @returns the system with more components of its archives. */
export function withComponents(os: OperatingSystem, components: readonly string[] = []): OperatingSystem {
  return { ...os, components: [...new Set([...os.components, ...components])] };
}

/** @throws ImagectlError OS_UNKNOWN, with those that there are. */
export function findOperatingSystem(id: OsId): OperatingSystem {
  return find(id, operatingSystems);
}

/** @throws ImagectlError OS_UNKNOWN, with those that there are: its archive has no installer that is called by us. */
export function findDebian(id: OsId): DebianSystem {
  return find(id, operatingSystems.filter(isDebian));
}

function find<System extends OperatingSystem>(id: OsId, among: readonly System[]): System {
  const found = among.find((os) => os.id === id);
  if (found !== undefined) return found;
  throw new ImagectlError("OS_UNKNOWN", `there is no recipe for images of ${id}`, {
    hint: `Use one of: ${among.map((os) => os.id).join(", ")}`,
  });
}
