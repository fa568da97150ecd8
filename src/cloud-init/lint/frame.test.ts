/** The frame, the keys and the kinds of values. Each pair is a document without a fault and one change to it. */
import { expect, test } from "vitest";
import { cloudConfig, custom, late, lint, lintPair, type Pair, plain, withUser } from "./test-documents.ts";

const pairs: readonly Pair[] = [
  ["autoinstall: is misspelt", cloudConfig, "autoinstall:", "auto-install:", "there is no autoinstall:"],
  [
    "autoinstall: holds nothing",
    cloudConfig,
    "autoinstall:\n",
    "autoinstall:\nlocale:\n",
    "autoinstall: holds no keys",
  ],
  [
    "the header is missing",
    `${cloudConfig}ssh_pwauth: false\n`,
    "#cloud-config\n",
    "",
    "the first line is not #cloud-config",
  ],
  [
    "a key of the installer stands beside a plain autoinstall:",
    plain,
    "autoinstall:",
    "updates: all\nautoinstall:",
    "updates stands beside",
  ],
  [
    "packages for the session are not those of the system",
    `${cloudConfig}  packages: [htop]\n`,
    "  packages",
    "packages",
    "the installed system never sees it",
  ],
  [
    "a typo beside autoinstall:",
    `${cloudConfig}ssh_pwauth: false\n`,
    "ssh_pwauth",
    "ssh_pwath",
    "neither cloud-init nor",
  ],
  ["no version", plain, "  version: 1\n", "", "version is missing: the installer stops"],
  [
    "not YAML at all",
    plain,
    '*BOOT0001*"}',
    '*BOOT0001*"',
    "a [ or { above is not closed: nothing of the document is read",
  ],
  [
    "a command that YAML reads as a map",
    late("'echo ready: yes'"),
    "'echo ready: yes'",
    "echo ready: yes",
    "late-commands[0] must be a text or a list, not a map",
  ],
  [
    "commands without dashes",
    late("touch /target/etc/ready"),
    "\n    - touch",
    " touch",
    "late-commands must be a list, not a text",
  ],
  [
    "identity takes nothing unknown",
    plain,
    "hostname:",
    "groups: [sudo]\n    hostname:",
    "unknown key identity.groups: the installer stops",
  ],
  [
    "two kernels",
    `${plain}  kernel: {flavor: hwe}\n`,
    "{flavor",
    "{package: linux-generic, flavor",
    "both package and flavor",
  ],
  [
    "user-data as a text",
    `${plain}  user-data:\n    timezone: UTC\n`,
    "user-data:",
    "user-data: |",
    "user-data is a text",
  ],
  [
    "a key that cloud-init does not have",
    `${plain}  user-data: {runcmd: [id]}\n`,
    "runcmd",
    "run_cmd",
    "unknown key user-data.run_cmd: the installer asks cloud-init",
  ],
  [
    "a key of cloud-init in the installer's section",
    `${plain}  user-data: {package_upgrade: true}\n`,
    "user-data: {package_upgrade: true}",
    "package_upgrade: true",
    "unknown key package_upgrade: the installer ignores it",
  ],
  [
    "permissions without quotes are an octal number",
    `${plain}  user-data:\n    write_files:\n      - {path: /etc/motd, content: hello, permissions: '0644'}\n`,
    "'0644'",
    "0644",
    "must be a text, not the number 420",
  ],
  [
    "a user of cloud-init without a name",
    withUser("{name: ops, lock_passwd: false, plain_text_passwd: secret}"),
    "name: ops, ",
    "",
    "user-data.users[0].name is missing",
  ],
  [
    "reports that nobody gets",
    `${plain}  reporting: {bastion: {type: webhook, endpoint: http://10.20.0.1/}}\n`,
    "  reporting",
    "  interactive-sections: [proxy]\n  reporting",
    "reporting is ignored",
  ],
  [
    "a webhook without an address",
    `${plain}  reporting: {bastion: {type: webhook, endpoint: http://10.20.0.1/}}\n`,
    ", endpoint: http://10.20.0.1/",
    "",
    "reporting.bastion.endpoint is missing",
  ],
  [
    "a mirror that may be silent",
    `${plain}  apt: {mirror-selection: {primary: [{uri: http://10.20.0.1/ubuntu}]}, fallback: abort}\n`,
    ", fallback: abort",
    "",
    "where http://10.20.0.1/ubuntu does not answer",
  ],
  [
    "a mirror that is not Ubuntu's",
    `${plain}  apt: {mirror-selection: {primary: [country-mirror, {uri: http://archive.ubuntu.com/ubuntu}]}}\n`,
    "archive.ubuntu.com",
    "ubuntu.com.example",
    "does not answer",
  ],
  [
    "a mode that is none",
    plain.replace("name: lvm", "name: lvm\n      mode: use_gap"),
    "use_gap",
    "use-gap",
    'storage.layout.mode must be reformat_disk or use_gap, not "use-gap"',
  ],
];

test.each(pairs.map((pair) => ({ what: pair[0], pair })))("$what", async ({ pair }) => {
  const { right, wrong } = await lintPair(pair);
  expect(right).toEqual([]);
  expect(wrong.map(({ message }) => message)).toEqual([expect.stringContaining(pair[4])]);
  expect(wrong[0]?.hint).not.toBe("");
  expect(wrong[0]?.where).toMatch(/^user-data:[0-9]+:[0-9]+$/);
});

test("an empty document is no map of keys", async () => {
  expect(await lint("")).toMatchObject([{ code: "AUTOINSTALL_MISSING", where: "user-data:1:1" }]);
});

test("what stands beside is looked at by release: 22.04 ignored it", async () => {
  const text = `${cloudConfig}late-commands: []\n`;
  expect((await lint(text, { release: "22.04" }))[0]?.message).toContain("ignored without a word");
  expect((await lint(text, { release: "26.04" }))[0]?.message).toContain("Misplaced autoinstall directives");
});

test("a plain file with autoinstall: is too young for the first installers of 22.04", async () => {
  expect(await lint(plain, { release: "22.04" })).toMatchObject([
    { code: "KEY_MISPLACED", severity: "warning" },
  ]);
  const bare = plain.replace("autoinstall:\n", "").replaceAll(/^ {2}/gm, "");
  expect(await lint(bare, { release: "22.04" })).toEqual([]);
});

test("a key of 26.04 is unknown before", async () => {
  const text = `${plain}  kernel-crash-dumps: {enabled: true}\n`;
  expect(await lint(text, { release: "26.04" })).toEqual([]);
  expect(await lint(text)).toMatchObject([{ code: "KEY_UNKNOWN", hint: expect.stringContaining("26.04") }]);
});

test("anchors, merges, yes and no are read as the installer reads them: YAML 1.1", async () => {
  const text = `${plain}  ssh: &ssh {install-server: yes, allow-pw: off}\n  codecs: {<<: *ssh, install: no}\n`;
  expect(await lint(text)).toEqual([]);
});

test("several faults come in the order of the file", async () => {
  const text = custom
    .replace("version: 1", 'version: "1"')
    .replace("fat32", "ext4")
    .replace("path: /}", "path: /home}");
  const lines = (await lint(text)).map(({ where }) => Number(where.split(":")[1]));
  expect(lines).toHaveLength(3);
  expect(lines).toEqual(lines.toSorted((left, right) => left - right));
});

test("no finding quotes a password", async () => {
  const text = plain.replace(/password: .*/, "password: [correct-horse]");
  expect(JSON.stringify(await lint(text))).not.toContain("correct-horse");
});
