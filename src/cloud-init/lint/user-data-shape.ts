/** cloud-init's own keys, for the inner user-data and for what stands beside `autoinstall:`. Source: cloud-init 25.1's schema. */
import {
  anything,
  type Consequence,
  either,
  flag,
  keysOf,
  list,
  map,
  number,
  type Shape,
  text,
} from "./shape.ts";

export const userDataConsequence: Consequence = {
  ignored: "cloud-init ignores it on the installed system",
  stops: "the installer asks cloud-init, and stops before it touches a disk",
};

const user = map("stops", {
  ...keysOf("name gecos homedir inactive expiredate shell snapuser", text),
  ...keysOf("passwd hashed_passwd hashed-passwd plain_text_passwd plain-text-passwd", text),
  ...keysOf("primary_group primary-group selinux_user selinux-user", text),
  ...keysOf("lock_passwd lock-passwd no_create_home no-create-home no_log_init no-log-init", flag),
  ...keysOf("no_user_group no-user-group create_groups create-groups system", flag),
  ...keysOf("ssh_redirect_user ssh-redirect-user", flag),
  ...keysOf("ssh_authorized_keys ssh-authorized-keys ssh_import_id ssh-import-id doas", list(text, 1)),
  groups: either(text, list(text, 1), map("guess", {})),
  uid: either(number, text),
  sudo: anything,
});

const file = map(
  "stops",
  { ...keysOf("path content owner permissions encoding", text), source: anything, append: flag, defer: flag },
  "path",
);

const command = either(text, list(text));

/** The keys that a linter can say something about. */
const modules: Readonly<Record<string, Shape>> = {
  users: either(list(either(text, user)), text, map("guess", {})),
  user: either(text, user),
  groups: anything,
  chpasswd: map("stops", { expire: flag, users: list(anything), list: anything }),
  password: text,
  ssh_pwauth: either(flag, text),
  ssh_authorized_keys: list(text, 1),
  ssh_import_id: list(text),
  disable_root: flag,
  hostname: text,
  fqdn: text,
  timezone: text,
  packages: list(anything, 1),
  runcmd: list(command, 1),
  bootcmd: list(command, 1),
  write_files: list(file, 1),
  phone_home: map("stops", { url: text, post: anything, tries: number }, "url"),
  power_state: map("stops", keysOf("delay mode message timeout condition"), "mode"),
};

const otherModules =
  "allow_public_ssh_keys ansible apk_repos apt apt_pipelining apt_reboot_if_required apt_update apt_upgrade authkey_hash bootcmd byobu_by_default ca-certs ca_certs chef cloud_config_modules cloud_final_modules cloud_init_modules create_hostname_file device_aliases disable_ec2_metadata disable_root_opts disk_setup drivers fan final_message fs_setup growpart grub-dpkg grub_dpkg keyboard landscape launch-index locale locale_configfile lxd manage_etc_hosts manage_resolv_conf mcollective merge_how merge_type migrate mount_default_fields mounts no_ssh_fingerprints ntp output package_reboot_if_required package_update package_upgrade prefer_fqdn_over_hostname preserve_hostname puppet random_seed reporting resize_rootfs resolv_conf rh_subscription rpi rsyslog salt_minion snap spacewalk ssh ssh_deletekeys ssh_fp_console_blacklist ssh_genkeytypes ssh_key_console_blacklist ssh_keys ssh_publish_hostkeys ssh_quiet_keygen swap system_info ubuntu_advantage ubuntu_pro updates vendor_data version wireguard yum_repo_dir yum_repos zypper";

export const userDataShape = map("stops", { ...keysOf(otherModules), ...modules });

export const cloudConfigKeys: readonly string[] = [...Object.keys(modules), ...otherModules.split(" ")];
