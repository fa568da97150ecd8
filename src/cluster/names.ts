/** Names that people choose for machines, users and groups: which are taken, and why not. */

/** One label of a host name: RFC 1123 section 2.1, lower case, so that one name has one spelling. */
export const labelPattern = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** useradd(8)'s portable form, without the trailing dollar. 32 characters at most (LOGIN_NAME_MAX in utmp). */
export const userNamePattern = /^[a-z][a-z0-9_-]{0,31}$/;

/** Names of accounts and groups that systems and imagectl have for themselves: Debian's base-passwd, systemd and packages. */
const reservedUserNames = new Set(
  `root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc gnats nobody nogroup
   adm tty disk kmem dialout fax voice cdrom floppy tape sudo audio dip operator src shadow utmp video sasl
   plugdev staff users input kvm render sgx crontab netdev lpadmin scanner bluetooth wheel docker admin
   systemd-network systemd-resolve systemd-timesync systemd-coredump systemd-journal systemd-oom
   messagebus polkitd sshd ssh syslog tcpdump tss uuidd rtkit avahi dnsmasq statd postfix landscape lxd ubuntu debian
   usbmux chrony ntp ntpsec prometheus grafana alertmanager munge slurm nvidia-persistenced
   imagectl recovery backup-agent ssh-users`.split(/\s+/),
);

/** uid range of people; below are packages, above are systemd's dynamic users (61184) and nobody (65534). */
export const userIds = { first: 10_000, last: 59_999 } as const;

/** @returns the first id above all that are in use. */
export function nextUserId(uids: readonly number[]): number {
  return Math.max(userIds.first - 1, ...uids) + 1;
}

export type NameComplaint = { readonly message: string; readonly hint: string };

/** @returns why `name` cannot be a machine's, the cluster's or a group's name. */
export function complainAboutLabel(name: string): NameComplaint | undefined {
  if (name === "localhost")
    return { message: "localhost is every machine's own name", hint: "Choose another name, such as node1" };
  if (labelPattern.test(name) && !/^[0-9]+$/.test(name)) return undefined;
  return {
    message: "a name has 1 to 63 of a-z, 0-9 and -, starts and ends with a letter or digit, and is no number",
    hint: `Rename it, for instance: ${likeIt(name, labelPattern) ?? "node1"} (RFC 1123 section 2.1)`,
  };
}

/** The nearest name that would do; undefined where little of the old one would be left. */
function likeIt(name: string, pattern: RegExp): string | undefined {
  const near = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
  return pattern.test(near) && !/^[0-9]+$/.test(near) ? near : undefined;
}

/** @returns why `name` cannot be a person's account. */
export function complainAboutUserName(name: string): NameComplaint | undefined {
  if (!userNamePattern.test(name)) {
    return {
      message: "a user name has 1 to 32 of a-z, 0-9, _ and -, and starts with a letter",
      hint: `Rename it, for instance: ${likeIt(name, userNamePattern) ?? "alice"}`,
    };
  }
  if (!reservedUserNames.has(name)) return undefined;
  return {
    message: "this name belongs to the system or to imagectl itself",
    hint: `Choose another name, for instance: ${name}-user`,
  };
}
