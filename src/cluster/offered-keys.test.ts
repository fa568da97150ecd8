/** Keys from elsewhere: what is taken, what is new, and how they are named. */
import { expect, test } from "vitest";
import { compareKeys, fingerprintOf, readOfferedKeys } from "./offered-keys.ts";

const first = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL94sKb+UTAp8fPsUYnQcq+qnwHFRsQXPr4cv2e0tZiG";
const other = `ssh-ed25519 ${Buffer.concat([Buffer.from("0000000b7373682d6564323535313900000020", "hex"), Buffer.alloc(32, 7)]).toString("base64")}`;

test("comments, empty lines and doublets are left out; a key without a comment is told by its origin", () => {
  const text = `# alice\n\n${first}\r\n${other} on a stick\n${first} again\n`;
  expect(readOfferedKeys(text, "alice@github.com")).toEqual({
    keys: [`${first} alice@github.com`, `${other} on a stick`],
    refused: [],
  });
});

test("what sshd would not trust is left out with its line, and the rest is taken", () => {
  const { keys, refused } = readOfferedKeys(`ssh-dss AAAAB3\n${first}\n<html>\n`, "x");
  expect(keys).toHaveLength(1);
  expect(refused.map(({ line }) => line)).toEqual([1, 3]);
});

test("a private key is one refusal that does not show it", () => {
  const { keys, refused } = readOfferedKeys("-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n", "x");
  expect(keys).toEqual([]);
  expect(refused).toHaveLength(1);
  expect(JSON.stringify(refused)).not.toContain("c2VjcmV0");
});

test("keys are compared by their bytes, not by what is written behind them", () => {
  expect(compareKeys([`${first} alice@laptop`, `${other} gone`], [`${first} alice@github.com`])).toEqual({
    added: [],
    kept: [`${first} alice@laptop`],
    absent: [`${other} gone`],
  });
  expect(compareKeys([], [first]).added).toEqual([first]);
});

test("a fingerprint is the one that ssh-keygen shows", () => {
  expect(fingerprintOf(`${first} alice`)).toBe("SHA256:jhyk/hLnufcBL3CTnYSiS05GMjRzV5kvlc+KzRdJbDM");
});
