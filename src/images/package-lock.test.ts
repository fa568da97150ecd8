/** The package lock: read from apt, written, read back, compared. */
import { describe, expect, test } from "vitest";
import {
  compareLocks,
  debFileName,
  formatLock,
  type LockedPackage,
  type PackageLock,
  parseLock,
  parsePrintedUris,
  requestDigest,
  samePackages,
} from "./package-lock.ts";

const sum = "1896a2aacf4ad681ff5eacc24a5b0ca4d5d9c9b9c9e4b6de5197bc1e116ea619";

function locked(name: string, version: string): LockedPackage {
  return { name, version, architecture: "amd64", sha256: sum, bytes: 10 };
}

function lockOf(packages: LockedPackage[], epoch = 1_700_000_000): PackageLock {
  return { schema: 1, os: "debian-12", request: sum, epoch, packages };
}

describe("apt-get --print-uris", () => {
  /** Printed by apt 2.6.2; the second file's version has an epoch. */
  const printed = `Reading package lists...
'http://m.example/pool/main/g/gcc-12/libstdc%2b%2b6_12.2.0-14%2bdeb12u1_amd64.deb' libstdc++6_12.2.0-14+deb12u1_amd64.deb 613360 SHA256:${sum}
'http://m.example/pool/main/b/busybox/busybox_1.35.0-4_amd64.deb' busybox_1%3a1.35.0-4+deb12u1+b1_amd64.deb 452120 SHA256:${sum}
'http://m.example/pool/main/a/adduser/adduser_3.134_all.deb' adduser_3.134_all.deb 183272 SHA256:${sum}
`;

  test("gives packages by name, with epochs", () => {
    expect(
      parsePrintedUris(printed).map(({ name, version, architecture }) => [name, version, architecture]),
    ).toEqual([
      ["adduser", "3.134", "all"],
      ["busybox", "1:1.35.0-4+deb12u1+b1", "amd64"],
      ["libstdc++6", "12.2.0-14+deb12u1", "amd64"],
    ]);
  });

  test("a .deb is found again under the name that apt gives it", () => {
    expect(parsePrintedUris(printed).map(debFileName)).toEqual([
      "adduser_3.134_all.deb",
      "busybox_1%3a1.35.0-4+deb12u1+b1_amd64.deb",
      "libstdc++6_12.2.0-14+deb12u1_amd64.deb",
    ]);
  });

  test.each([
    [
      "another sum than SHA-256",
      "'http://m.example/a.deb' a-b_1_all.deb 10 MD5Sum:8e7e741807b1e1939df8f58323affdcb",
    ],
    ["another architecture", `'http://m.example/a.deb' a-b_1_arm64.deb 10 SHA256:${sum}`],
    ["a name that leads elsewhere", `'http://m.example/a.deb' ../../x_1_all.deb 10 SHA256:${sum}`],
  ])("%s is refused, with the line", (_name, line) => {
    expect(() => parsePrintedUris(line)).toThrow(line);
  });

  test("nothing to install is no packages", () => {
    expect(parsePrintedUris("Reading package lists...\n")).toEqual([]);
  });
});

describe("the lock's file", () => {
  const lock = lockOf([locked("bash", "5.2"), locked("dash", "0.5")]);

  test("what was written is read back", () => {
    expect(parseLock(formatLock(lock))).toEqual(lock);
    expect(parseLock(formatLock(lockOf([])))).toEqual(lockOf([]));
  });

  test("has one package a line", () => {
    expect(
      formatLock(lock)
        .split("\n")
        .filter((line) => line.includes("sha256")),
    ).toHaveLength(2);
  });

  test.each([
    ["no JSON", "x"],
    ["another schema", formatLock(lock).replace('"schema": 1', '"schema": 2')],
    ["a cut-off sum", formatLock(lock).replace(sum, sum.slice(1))],
    ["an unknown key", formatLock(lock).replace('"os"', '"oss": 1, "os"')],
  ])("%s is refused with what to do", (_name, text) => {
    expect(() => parseLock(text)).toThrow(expect.objectContaining({ code: "LOCK_MALFORMED" }));
  });
});

test("order and repetition do not change what was asked for; a package does", () => {
  const digest = requestDigest({ os: "debian-12", packages: ["a", "b"] });
  expect(requestDigest({ os: "debian-12", packages: ["b", "a", "b"] })).toBe(digest);
  expect(requestDigest({ os: "debian-12", packages: ["a", "b", "c"] })).not.toBe(digest);
  expect(requestDigest({ os: "debian-13", packages: ["a", "b"] })).not.toBe(digest);
  const archive = { name: "a", uri: "https://a.example", suite: "./", components: [], key: "k" };
  const asked = (archives: readonly (typeof archive)[]) =>
    requestDigest({ os: "debian-12", packages: ["a", "b"], archives });
  expect(asked([])).toBe(digest);
  expect(new Set([digest, asked([archive]), asked([{ ...archive, key: "l" }])]).size).toBe(3);
});

test("the same packages on another day are the same", () => {
  expect(samePackages(lockOf([locked("bash", "5.2")]), lockOf([locked("bash", "5.2")], 1))).toBe(true);
  expect(samePackages(lockOf([locked("bash", "5.2")]), lockOf([locked("bash", "5.3")]))).toBe(false);
});

test("two locks are compared package by package", () => {
  const before = lockOf([locked("bash", "5.2"), locked("dash", "0.5"), locked("sed", "4.9")]);
  const after = lockOf([locked("bash", "5.3"), locked("sed", "4.9"), locked("zsh", "5.9")]);
  expect(compareLocks(before, after)).toEqual(["bash 5.2 -> 5.3", "- dash 0.5", "+ zsh 5.9"]);
});
