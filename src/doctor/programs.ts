/** The programs that imagectl starts on a bastion, and the Debian packages that have them. bin/setup installs them. */

export type Program = {
  readonly name: string;
  readonly package: string;
  /** Without it, this does not work. */
  readonly neededFor: "serving" | "building" | "rehearsing";
};

const serving = { ip: "iproute2", ss: "iproute2", perl: "perl-base", ssh: "openssh-client" };
const checking = {
  "ssh-keygen": "openssh-client",
  nmap: "nmap",
  nsenter: "util-linux",
  setpriv: "util-linux",
};
const building = {
  mmdebstrap: "mmdebstrap",
  zstd: "zstd",
  "apt-get": "apt",
  "dpkg-deb": "dpkg",
  flock: "util-linux",
  unshare: "util-linux",
  tar: "tar",
};
const rehearsing = { "qemu-system-x86_64": "qemu-system-x86", "qemu-img": "qemu-utils" };

function listed(neededFor: Program["neededFor"], table: Readonly<Record<string, string>>): Program[] {
  return Object.entries(table).map(([name, owner]) => ({ name, package: owner, neededFor }));
}

export const programs: readonly Program[] = [
  ...listed("serving", { ...serving, ...checking }),
  ...listed("building", building),
  ...listed("rehearsing", rehearsing),
];
