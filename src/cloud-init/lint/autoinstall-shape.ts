/** Every key that Ubuntu's installer reads. Source: subiquity 24.04.4.1 and 26.04.1, its schema and the code behind it. */
import {
  anything,
  type Consequence,
  choice,
  either,
  flag,
  keysOf,
  list,
  map,
  named,
  number,
  type Shape,
  text,
} from "./shape.ts";
import type { Release } from "./subject.ts";

export const installer: Consequence = {
  ignored: "the installer ignores it without a word",
  stops: "the installer stops before it touches a disk",
};

/** A text goes to `sh -c`, a list is executed as it is. */
export const commandList = list(either(text, list(text)));

/** How a disk is found. Texts are shell patterns, compared with upper and lower case. */
const oneMatch = map("ignored", {
  ...keysOf("serial model vendor path id_path devpath", text),
  ssd: flag,
  "install-media": flag,
  // Its values have a check of their own, for what a wrong one does.
  size: anything,
});
export const matchShape = either(oneMatch, list(oneMatch));

const layout = map(
  "ignored",
  {
    name: text,
    mode: choice("reformat_disk", "use_gap"),
    match: anything,
    password: text,
    "sizing-policy": choice("scaled", "all"),
    ptable: choice("gpt", "msdos"),
    encrypted: flag,
    "reset-partition": either(flag, text, number),
    "reset-partition-only": flag,
    "recovery-key": anything,
  },
  "name",
);

const storage = map("ignored", {
  layout,
  config: list(map("guess", {}, "type", "id")),
  swap: map("ignored", keysOf("size maxsize filename force")),
  grub: map("guess", keysOf("reorder_uefi reorder_uefi_force_fallback probe_additional_os update_nvram")),
  version: number,
});

const mirror = map("guess", { uri: text, arches: list(text) }, "uri");
const apt = map("guess", {
  preserve_sources_list: flag,
  "mirror-selection": map("ignored", { primary: list(either(choice("country-mirror"), mirror)) }),
  fallback: choice("abort", "continue-anyway", "offline-install"),
  geoip: flag,
  primary: anything,
  security: anything,
  sources: anything,
  disable_components: list(choice("universe", "multiverse", "restricted", "contrib", "non-free")),
  preferences: list(
    map("guess", { package: text, pin: text, "pin-priority": number }, "package", "pin", "pin-priority"),
  ),
  ...keysOf("disable_suites sources_list conf proxy http_proxy https_proxy ftp_proxy add_apt_repo_match"),
  ...keysOf("debconf_selections"),
});

const identity = (release: Release): Shape =>
  map(
    "stops",
    {
      ...keysOf("realname username hostname password", text),
      ...(release === "26.04"
        ? { groups: either(list(text), map("guess", keysOf("override append", list(text)))) }
        : {}),
    },
    "username",
    "hostname",
    "password",
  );

/** What older installers do not know and so ignore. */
export const since2604: Readonly<Record<string, Shape>> = {
  "kernel-crash-dumps": map("stops", { enabled: anything }, "enabled"),
  zdevs: list(map("guess", { id: text, enabled: flag })),
};

/** The installer's part of the document. `user-data` and `network` have tables of their own. */
export function autoinstallShape(release: Release): Shape {
  return map(
    "ignored",
    {
      version: choice(1),
      "interactive-sections": list(text),
      "early-commands": commandList,
      "late-commands": commandList,
      "error-commands": commandList,
      reporting: named(map("guess", { type: text, endpoint: text, destination: text }, "type")),
      "user-data": anything,
      packages: list(text),
      "debconf-selections": text,
      locale: text,
      "refresh-installer": map("stops", { update: flag, channel: text }),
      kernel: map("guess", { package: text, flavor: text }),
      keyboard: map("stops", { layout: text, variant: text, toggle: anything }, "layout"),
      source: map("ignored", { search_drivers: flag, id: text }),
      network: anything,
      ...keysOf("ubuntu-pro ubuntu-advantage", map("guess", { token: text })),
      // null means none.
      proxy: anything,
      apt,
      storage,
      identity: identity(release),
      ssh: map("ignored", { "install-server": flag, "authorized-keys": list(text), "allow-pw": flag }),
      snaps: list(map("stops", { name: text, channel: text, classic: flag }, "name")),
      "active-directory": map("stops", { "admin-name": text, "domain-name": text }),
      codecs: map("guess", { install: flag }),
      drivers: map("guess", { install: flag }),
      oem: map("guess", { install: either(flag, choice("auto")) }, "install"),
      timezone: text,
      updates: choice("security", "all"),
      shutdown: choice("reboot", "poweroff"),
      ...(release === "26.04" ? since2604 : keysOf(Object.keys(since2604).join(" "))),
    },
    "version",
  );
}
