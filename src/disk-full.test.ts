import { expect, test } from "vitest";
import { diskFull, isDiskFull } from "./disk-full.ts";
import { ImagectlError } from "./errors.ts";

test.each<[string, unknown, boolean]>([
  ["Node's own error", Object.assign(new Error("write"), { code: "ENOSPC" }), true],
  ["a quota", Object.assign(new Error("write"), { code: "EDQUOT" }), true],
  [
    "what a program said last",
    new ImagectlError("COMMAND_FAILED", "tar: No space left on device", { hint: "x" }),
    true,
  ],
  [
    "an error that was caused by one",
    new Error("outer", { cause: new Error("dpkg: No space left on device") }),
    true,
  ],
  ["what apt-get says", new Error("E: You don't have enough free space in /var/cache/apt/archives/."), true],
  ["another error", Object.assign(new Error("write"), { code: "EIO" }), false],
  ["what is no error", "ENOSPC", false],
])("%s", (_name, error, expected) => {
  expect(isDiskFull(error)).toBe(expected);
});

test("the operator reads the folder and the commands", () => {
  const error = diskFull("/var/lib/imagectl/store", "root.tar.zst was not stored", undefined);
  expect(error.message).toContain("/var/lib/imagectl/store is full: root.tar.zst was not stored");
  expect(error.hint).toContain("imagectl images prune");
});
