/** The answers that Debian's installer is given: debconf's preseed format. Pure. */

export type PreseedRequest = {
  readonly hostname: string;
  readonly domain: string;
  readonly codename: string;
  /** Where packages are: URLs without authentication, query or a slash at their end. */
  readonly archives: { readonly main: string; readonly security: string };
  /** `http://10.77.0.1:3142`; undefined: the archives are reached without one. */
  readonly proxy: string | undefined;
  /** Where the installer asks for names, when its proxy does not do that for it. */
  readonly nameServers: readonly string[];
  readonly kernelPackage: string;
  /** Those that roles want beside main and non-free-firmware: contrib, non-free. */
  readonly components: readonly string[];
};

/**
 * What a golden image's disk looks like, too: templates/deploy/imagectl/disk.sh. Sizes are MB: least, priority, most.
 * Source: partman-auto, doc/devel/partman-auto-recipe.txt.
 */
const recipe = [
  "imagectl ::",
  "1 1 1 free $iflabel{ gpt } $reusemethod{ } method{ biosgrub } .",
  "512 512 512 free $iflabel{ gpt } $reusemethod{ } method{ efi } format{ } .",
  "2000 10000 -1 ext4 $primary{ } method{ format } format{ } use_filesystem{ } filesystem{ ext4 } mountpoint{ / } .",
].join(" ");

/**
 * Everything that would be asked is answered, so that no installation waits for a person. Of accounts there are none:
 * those of the plan come with its layers, and root's password is one that no password has.
 * @returns the preseed file. Nothing in it is secret, and nothing of it depends on the machine's disks: which one is the
 *   system's, the installer asks when it has found them.
 */
export function makePreseed(request: PreseedRequest): string {
  const { hostname, domain, codename, archives, proxy, nameServers, kernelPackage, components } = request;
  const [archive, security] = [new URL(archives.main), new URL(archives.security)];
  const answers: readonly (readonly [string, string])[] = [
    // The locale C has no country, and that would be asked: it chooses a mirror and a clock, which are given below.
    ["debian-installer/language string", "en"],
    ["debian-installer/country string", "US"],
    ["debian-installer/locale string", "C.UTF-8"],
    ["keyboard-configuration/xkb-keymap select", "us"],
    ["netcfg/get_hostname string", hostname],
    ["netcfg/hostname string", hostname],
    ["netcfg/get_domain string", domain],
    ["netcfg/get_nameservers string", nameServers.join(" ")],
    ["hw-detect/load_firmware boolean", "false"],
    ["mirror/country string", "manual"],
    ["mirror/protocol string", "http"],
    ["mirror/http/hostname string", archive.host],
    ["mirror/http/directory string", archive.pathname],
    ["mirror/http/proxy string", proxy ?? ""],
    ["mirror/suite string", codename],
    ["mirror/udeb/suite string", codename],
    ["clock-setup/utc boolean", "true"],
    // The bastion has set the clock before, and serves the time.
    ["clock-setup/ntp boolean", "false"],
    ["time/zone string", "Etc/UTC"],
    ["passwd/root-login boolean", "true"],
    // Not "!": of that one the installer thinks that nobody has answered. Source: user-setup 1.107, user-setup-ask.
    ["passwd/root-password-crypted password", "*"],
    ["passwd/make-user boolean", "false"],
    ["partman/early_command string", "/imagectl/disks"],
    ["partman-auto/method string", "regular"],
    ["partman-auto/expert_recipe string", recipe],
    ["partman-auto/choose_recipe select", "imagectl"],
    ["partman-partitioning/choose_label string", "gpt"],
    ["partman-partitioning/default_label string", "gpt"],
    ["partman-partitioning/confirm_write_new_label boolean", "true"],
    ["partman-efi/non_efi_system boolean", "true"],
    ["partman-basicfilesystems/no_swap boolean", "false"],
    ["partman/choose_partition select", "finish"],
    ["partman/confirm boolean", "true"],
    ["partman/confirm_nooverwrite boolean", "true"],
    ["partman/mount_style select", "uuid"],
    ["base-installer/install-recommends boolean", "false"],
    ["base-installer/kernel/image string", kernelPackage],
    ["apt-setup/non-free-firmware boolean", "true"],
    ["apt-setup/non-free boolean", String(components.includes("non-free"))],
    ["apt-setup/contrib boolean", String(components.includes("contrib"))],
    ["apt-setup/disable-cdrom-entries boolean", "true"],
    ["apt-setup/services-select multiselect", "security, updates"],
    ["apt-setup/security_host string", security.host],
    ["apt-setup/security_path string", security.pathname],
    ["pkgsel/run_tasksel boolean", "false"],
    ["pkgsel/upgrade select", "none"],
    // Which patches come by themselves is the plan's matter.
    ["pkgsel/update-policy select", "none"],
    ["grub-installer/only_debian boolean", "true"],
    ["grub-installer/with_other_os boolean", "true"],
    ["grub-installer/force-efi-extra-removable boolean", "true"],
    ["finish-install/reboot_in_progress note", ""],
    ["cdrom-detect/eject boolean", "false"],
  ];
  const lines = answers.map(([question, value]) => `d-i ${question} ${value}`.trimEnd());
  return `# Written by imagectl for ${hostname}.\n${lines.join("\n")}\n`;
}
