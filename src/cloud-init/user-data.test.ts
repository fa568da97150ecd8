import { expect, test } from "vitest";
import { checkUserData } from "./user-data.ts";

const check = (text: string) => checkUserData(text, "cluster.yaml:31:7");

test.each([
  ["packages and commands", "#cloud-config\npackages: [htop]\nruncmd:\n  - [touch, /srv/ready]\n"],
  ["a header alone", "#cloud-config\n"],
  ["a header with white space after it", "#cloud-config  \ntimezone: UTC\n"],
])("%s are the operator's own affair", (_name, text) => {
  expect(check(text)).toEqual([]);
});

test.each([
  ["no header", "packages: [htop]\n", "ignored by cloud-init"],
  ["a script", "#!/bin/sh\nid\n", "ignored by cloud-init"],
  ["a list", "#cloud-config\n- htop\n", "must be a mapping"],
  ["broken YAML", "#cloud-config\npackages: [htop\n", ""],
  ["a key twice", "#cloud-config\nruncmd: []\nruncmd: []\n", ""],
  ["users", "#cloud-config\nusers: [default]\n", "belongs to the plan"],
  ["password logins", "#cloud-config\nssh_pwauth: true\n", "belongs to the plan"],
  ["a host name", "#cloud-config\nhostname: other\n", "belongs to the plan"],
])("%s is refused, with its place and a hint", (_name, text, message) => {
  const findings = check(text);
  expect(findings).toHaveLength(1);
  expect(findings[0]?.where).toContain("cluster.yaml:31:7");
  expect(findings[0]?.message).toContain(message);
  expect(findings[0]?.hint).not.toBe("");
});
