/** Who gets in. Each pair is a document without a fault and one change to it. */
import { describe, expect, test } from "vitest";
import { readPasswordHash } from "./password-hash.ts";
import {
  hash,
  key,
  late,
  lint,
  lintPair,
  nobody,
  type Pair,
  plain,
  withKey,
  withUser,
} from "./test-documents.ts";

const byKey = withKey.replace(hash, "*");

const pairs: readonly Pair[] = [
  [
    "no identity and no user-data",
    plain,
    / {2}identity:(\n {4}.*)+\n/.exec(plain)?.[0] ?? "",
    "",
    "there is neither",
  ],
  ["a hash that is cut short", plain, hash, hash.slice(0, -9), "is cut short or damaged"],
  ["a hash with backslashes", plain, hash, hash.replaceAll("$", "\\$"), "has backslashes"],
  ["a placeholder of a template", plain, hash, "{{ password }}", "is the placeholder of a template"],
  [
    "a password of a user of cloud-init",
    withUser(`{name: ops, lock_passwd: false, passwd: '${hash}'}`),
    hash,
    "secret",
    "is no hash",
  ],
  ["a name that Ubuntu keeps for itself", plain, "username: ops", "username: admin", "is reserved by Ubuntu"],
  ["a name that is none", plain, "username: ops", "username: Ops", "is no name of a user"],
  ["a key that is none", withKey, key, "ssh-ed25519 AAAA ops@bastion", "is no public key"],
  ["a key of another algorithm", withKey, "ssh-ed25519 AAAA", "ssh-rsa AAAA", "is no public key"],
  ["keys without a server", withKey, "install-server: true", "install-server: false", "installs no server"],
  [
    "a key and no server, and no password",
    byKey,
    "install-server: true",
    "install-server: false",
    "nobody can log in",
  ],
  [
    "a password that cloud-init locks",
    withUser(`{name: ops, lock_passwd: false, passwd: '${hash}'}`),
    "lock_passwd: false, ",
    "",
    "nobody can log in",
  ],
  [
    "a user with neither",
    withUser(`{name: ops, ssh_authorized_keys: ['${key}']}`),
    `, ssh_authorized_keys: ['${key}']`,
    "",
    "nobody can log in",
  ],
  [
    "keys for a default user that is not there",
    `${nobody}  ssh: {install-server: true, authorized-keys: ['${key}']}\n  user-data:\n    users: [default]\n`,
    "[default]",
    `[{name: ops, lock_passwd: false, passwd: '${hash}'}]`,
    "go to cloud-init's default user",
  ],
];

test.each(pairs.map((pair) => ({ what: pair[0], pair })))("$what", async ({ pair }) => {
  const { right, wrong } = await lintPair(pair);
  expect(right).toEqual([]);
  expect(wrong.map(({ message }) => message)).toEqual([expect.stringContaining(pair[4])]);
});

test.each([
  "useradd -R /target -m ops2",
  // What a program of somebody's own does cannot be read here.
  "/cdrom/site/finish",
  "sh /cdrom/site/finish.sh",
  "ansible-pull -U http://10.77.0.1/site.git",
])("a command that may make a user turns the error into a warning: %s", async (command) => {
  const locked = late(command).replace(hash, "!");
  const findings = await lint(locked);
  expect(findings.filter(({ code }) => code === "LOGIN_IMPOSSIBLE")).toMatchObject([{ severity: "warning" }]);
});

test("another command does not", async () => {
  const locked = late("touch /target/etc/site").replace(hash, "!");
  expect(await lint(locked)).toMatchObject([{ code: "LOGIN_IMPOSSIBLE", severity: "error" }]);
});

test.each([
  ["asked on the screen", `${nobody}  interactive-sections: [identity]\n`],
  [
    "a server among the packages",
    `${byKey.replace("install-server: true", "install-server: false")}  packages: [openssh-server]\n`,
  ],
  ["cloud-init's own password", `${nobody}  user-data: {password: secret, chpasswd: {expire: false}}\n`],
  [
    "a key from an account elsewhere",
    `${nobody}  ssh: {install-server: true}\n  user-data: {users: [{name: ops, ssh_import_id: ['gh:ops']}]}\n`,
  ],
  ["a key with options in front", withKey.replace(key, `'from="10.20.0.1" ${key}'`)],
])("%s is a way in", async (_what, text) => {
  expect(await lint(text)).toEqual([]);
});

describe("what crypt(3) takes", () => {
  test.each([
    ["SHA-512", hash],
    ["SHA-512 with rounds", hash.replace("$6$", "$6$rounds=4096$")],
    ["yescrypt", "$y$j9T$NM5S7YplkhjkJRF.Am0jl1$JoT/aJt3MzfXNV3cV0rPr14DbeAQ3C8qjUyQVLr1WR/"],
    ["bcrypt", `$2b$12$${"a".repeat(53)}`],
    ["SHA-256", `$5$salt$${"a".repeat(43)}`],
    ["MD5", `$1$salt$${"a".repeat(22)}`],
  ])("%s", (_method, text) => {
    expect(readPasswordHash(text).kind).toBe("hash");
    expect(readPasswordHash(text.slice(0, -1)).kind).toBe("no-hash");
    expect(readPasswordHash(`!${text}`).kind).toBe("locked");
  });
  test.each(["", "secret", "$6$", "6$salt$hash", "$9$salt$hash"])("not %j", (text) => {
    expect(readPasswordHash(text).kind).toBe("no-hash");
  });
});
