/** Command lines for programs that build: in namespaces of their own, with a neutral environment. Pure. */
import { dyingWithUs } from "../namespace.ts";
import type { BootstrapStep } from "./build-step.ts";

/** The environment of every program of a build: nothing of this machine's, and every date is the lock's. */
export function buildEnvironment(epoch: number): Record<string, string> {
  return {
    DEBCONF_NONINTERACTIVE_SEEN: "true",
    DEBIAN_FRONTEND: "noninteractive",
    HOME: "/root",
    LC_ALL: "C.UTF-8",
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    SOURCE_DATE_EPOCH: String(epoch),
    TZ: "UTC",
  };
}

/**
 * Puts a command into private mount, pid, ipc, network and host name namespaces. Whatever it mounts or starts ends
 * with it, and it ends with us, even by SIGKILL: nothing is left behind. It reaches nothing: packages are brought
 * before anything of them runs.
 * @returns the words to run; the first is the program.
 */
export function isolate(
  command: readonly string[],
  environment: Readonly<Record<string, string>>,
): [string, ...string[]] {
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  return [
    ...dyingWithUs,
    "unshare",
    ...["--mount", "--pid", "--ipc", "--net", "--uts", "--fork", "--kill-child=KILL", "--mount-proc"],
    ...["env", "--ignore-environment", ...variables],
    // Packages ask for the host name while they are installed, and some write it down.
    ...["sh", "-c", 'hostname localhost && exec "$@"', "sh"],
    ...command,
  ];
}

/**
 * For the time in which packages are installed.
 * INITRD: read by the kernel package's hook of initramfs-tools. Recipes make the initramfs once, at the end.
 */
export const bootstrapEnvironment = { INITRD: "No" } as const;

/** Paths of a bootstrap, all absolute. */
export type BootstrapPaths = {
  /** The root to make; must not exist. */
  readonly root: string;
  /** Folder with the .debs and their `Packages` index. */
  readonly repository: string;
  /** The step's setup script as a file. */
  readonly setup: string;
};

/**
 * The links of a merged /usr, before the first package is unpacked, as debootstrap makes them on amd64. mmdebstrap's own
 * hooks want the package usr-is-merged, which Ubuntu does not have.
 */
const mergeUsr =
  'for name in bin lib lib32 lib64 libx32 sbin; do mkdir -p "$1/usr/$name"; ln -s "usr/$name" "$1/$name"; done';

/** @returns mmdebstrap's command line for a step. */
export function bootstrapCommand(step: BootstrapStep, paths: BootstrapPaths): string[] {
  const settings = [
    "--aptopt=APT::Install-Recommends false",
    "--aptopt=Acquire::Languages none",
    // The root is thrown away when the power fails, so nothing needs to be on disk at once.
    "--dpkgopt=force-unsafe-io",
    ...step.dpkgOptions.map((option) => `--dpkgopt=${option}`),
  ];
  return [
    "mmdebstrap",
    "--mode=root",
    "--format=directory",
    `--variant=${step.variant === "configured" ? "apt" : "extract"}`,
    `--setup-hook=${mergeUsr}`,
    `--setup-hook=sh ${paths.setup} "$1"`,
    `--include=${step.packages.join(",")}`,
    ...settings,
    "",
    paths.root,
    // Every .debs's SHA-256 was compared with the lock, and the lock came from a signed index.
    `deb [trusted=yes] copy:${paths.repository} ./`,
  ];
}
