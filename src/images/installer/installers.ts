/** The installers that imagectl knows, as data. Adding one is adding an entry here. */
import { join } from "node:path";
import type { OsId } from "../../cluster/config.ts";
import { packageRoot } from "../../paths.ts";

/** Whose signature an installer must carry. */
export type SigningKey = {
  /** Of the primary key: 40 hex digits in upper case. */
  readonly fingerprint: string;
  readonly owner: string;
  /** A file that holds this key, in the binary form that gpgv reads. */
  readonly keyring: string;
};

/** The architecture of all nodes, in Debian's words. */
export type Architecture = "amd64";

/** An installer that boots from its own ISO, which casper fetches into the machine's memory. */
export type Installer = {
  readonly os: OsId;
  /** For people, with the word that vendors use: `Ubuntu Server 22.04 LTS`. */
  readonly title: string;
  /** Begins the version of each of its point releases. */
  readonly release: string;
  /** First word of the ISO's `.disk/info`. Other editions are desktops. */
  readonly edition: string;
  /** Those that were out when this was written, oldest first. Another one is taken as well: what it lacks is said. */
  readonly pointReleases: readonly string[];
  /** Where the vendor publishes it. Each ends in `/`. */
  readonly places: {
    /** The newest point release, with SHA256SUMS and SHA256SUMS.gpg beside it. */
    readonly current: string;
    /** Where point releases go when they are no longer the newest. */
    readonly old: string;
  };
  readonly signingKey: SigningKey;
  /** Paths in the ISO, without a leading `/`. */
  readonly files: {
    readonly kernel: string;
    readonly initrd: string;
    /** What can be installed from it. */
    readonly sources: string;
    /** File systems that lie over each other when it runs, lowest first; [] where nobody knows their names yet. */
    readonly layers: readonly string[];
  };
  /**
   * The kernel argument that tells casper where the ISO is. `url` (casper 1.470, of 22.04): only for a value that ends
   * in `.iso`. `iso-url`: since livecd-rootfs 2.768; casper of 22.04 does not know it. One of them, never both:
   * cloud-init reads `url=` as well.
   */
  readonly isoArgument: "url" | "iso-url";
  /** MiB. With less, the ISO does not fit into the half of the memory that Linux gives to a tmpfs. */
  readonly minRamMiB: number;
};

/** Signs the SHA256SUMS of every Ubuntu ISO. Source: Ubuntu's archive keyring, as Debian has it (ubuntu-keyring). */
const ubuntuKey: SigningKey = {
  fingerprint: "843938DF228D22F7B3742BC0D94AA3F0EFE21092",
  owner: "Ubuntu CD Image Automatic Signing Key (2012)",
  keyring: join(packageRoot, "templates/installers/ubuntu-cdimage-key.gpg"),
};

/** Of live servers from 22.04.2 and 24.04.2 on. Source: the passes of livecd-rootfs, which name the layers. */
const ubuntuFiles = {
  kernel: "casper/vmlinuz",
  initrd: "casper/initrd",
  sources: "casper/install-sources.yaml",
  layers: [
    "casper/ubuntu-server-minimal.squashfs",
    "casper/ubuntu-server-minimal.ubuntu-server.squashfs",
    "casper/ubuntu-server-minimal.ubuntu-server.installer.squashfs",
    "casper/ubuntu-server-minimal.ubuntu-server.installer.generic.squashfs",
  ],
} as const;

/** The part of an Ubuntu entry that follows from the number of its release. */
function ubuntu(release: string) {
  return {
    os: `ubuntu-${release}`,
    title: `Ubuntu Server ${release} LTS`,
    release,
    edition: "Ubuntu-Server",
    places: {
      current: `https://releases.ubuntu.com/${release}/`,
      old: "https://old-releases.ubuntu.com/releases/",
    },
    signingKey: ubuntuKey,
  };
}

const ubuntu2204: Installer = {
  ...ubuntu("22.04"),
  pointReleases: ["22.04.5"],
  files: ubuntuFiles,
  isoArgument: "url",
  // 22.04.5 has 2.1 GB.
  minRamMiB: 6144,
};

const ubuntu2404: Installer = {
  ...ubuntu("24.04"),
  pointReleases: ["24.04.3", "24.04.4"],
  files: ubuntuFiles,
  isoArgument: "iso-url",
  // 24.04.4 has 3.3 GB.
  minRamMiB: 8192,
};

const ubuntu2604: Installer = {
  ...ubuntu("26.04"),
  pointReleases: ["26.04"],
  // livecd-rootfs moved the kernel into the lowest layer; how the others are called now was not read.
  files: { ...ubuntuFiles, layers: [] },
  isoArgument: "iso-url",
  // 26.04 has 2.9 GB.
  minRamMiB: 8192,
};

export const installers: readonly Installer[] = [ubuntu2204, ubuntu2404, ubuntu2604];

/** @returns undefined for an operating system that is not installed by one. */
export function findInstaller(os: OsId): Installer | undefined {
  return installers.find((installer) => installer.os === os);
}

/** @returns whether a version is the release itself or one of its point releases: `22.04`, `22.04.5`. */
export function isOfRelease({ release }: Installer, version: string): boolean {
  return version === release || version.startsWith(`${release}.`);
}

/** @param version `22.04.5`. @returns the name that the vendor publishes it by. */
export function isoFileName(version: string, architecture: string): string {
  return `ubuntu-${version}-live-server-${architecture}.iso`;
}

/**
 * @param isoBytes of the ISO at hand: a newer point release may be larger than those before it.
 * @returns MiB. Source: subiquity's notes on netboot, "a little over 2x the size of the ISO".
 */
export function neededRamMiB({ minRamMiB }: Installer, isoBytes: number): number {
  return Math.max(minRamMiB, Math.ceil((isoBytes * 2.1) / 2 ** 20));
}
