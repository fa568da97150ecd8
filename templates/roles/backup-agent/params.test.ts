/** What the cluster file can put into the key's line and into sudo's rule: nothing that means more than itself. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { complainAboutValue } from "../../../src/roles/params.ts";
import { readRoleCatalogue } from "../../../src/roles/read.ts";

const directory = join(import.meta.dirname, "..");
const catalogue = await readRoleCatalogue([{ directory, shownAs: "templates/roles" }]);
const params = catalogue.role("backup-agent", "debian-12")?.params ?? {};

const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8Z0r0C4w1XgqCkq3p9n2ZQf0W2m3mXh1J8rT5vQ7aB";
const privateKey = `-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ
-----END OPENSSH PRIVATE KEY-----
`;

test.each([
  ["key", "a public key", key],
  ["key", "one with a comment", `${key} backup@bastion of the cluster`],
  ["key", "none yet", ""],
  ["host", "an address", "192.0.2.255"],
  ["host", "the bastion", ""],
  ["path", "a folder", "/srv/data-1/homes.old"],
])("%s: %s is taken", (name, _what, value) => {
  expect(complainAboutValue(schemaOf(name), value)).toBeUndefined();
});

test.each([
  ["key", "a private key", privateKey],
  ["key", "a private key on one line", privateKey.replaceAll("\n", " ")],
  ["key", "options before it", `command="/bin/sh" ${key}`],
  ["key", "a second line", `${key}\n${key}`],
  ["key", "a key that was cut short", key.slice(0, -1)],
  ["key", "a key of another kind", key.replaceAll("ssh-ed25519", "ssh-rsa")],
  ["key", "quotes in its comment", `${key} "`],
  ["host", "a name", "backup.example.org"],
  ["host", "a network", "192.0.2.0/24"],
  ["host", "an option after it", '192.0.2.1",command="/bin/sh'],
  ["path", "the whole disk", "/"],
  ["path", "a way up", "/srv/../etc"],
  ["path", "a second argument", "/srv/data /etc"],
  ["path", "what sudo reads as anything", "/srv/*"],
  ["path", "another command of sudo's rule", "/srv/data, ALL"],
])("%s: %s is refused, and not shown", (name, _what, value) => {
  const schema = schemaOf(name);
  expect([`must match ${schema.pattern}`, "must not have line ends or other control characters"]).toContain(
    complainAboutValue(schema, value),
  );
});

function schemaOf(name: string) {
  const schema = params[name];
  if (schema === undefined) throw new Error(`the role has no parameter ${name}`);
  return schema;
}
