import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { run } from "../run.ts";
import { unpackRoot } from "./unpack-root.ts";

let cache: string;
let archive: string;
beforeEach(async () => {
  cache = mkdtempSync(join(tmpdir(), "imagectl-roots-"));
  archive = join(cache, "root.tar.zst");
  mkdirSync(join(cache, "root/etc"), { recursive: true });
  writeFileSync(join(cache, "root/etc/hostname"), "node1\n");
  await run("tar", ["--zstd", "-cf", archive, "-C", join(cache, "root"), "."]);
});
afterEach(() => rmSync(cache, { recursive: true }));

const day = 86_400_000;
const unpack = (sha256: string, nowMs: number) =>
  unpackRoot({ archive, sha256, cache, now: new Date(nowMs) });

test("a root is unpacked once", async () => {
  const folder = await unpack("a".repeat(64), 0);
  expect(readFileSync(join(folder, "etc/hostname"), "utf8")).toBe("node1\n");
  rmSync(archive);
  expect(await unpack("a".repeat(64), 1)).toBe(folder);
});

test("a damaged archive leaves nothing under the digest's name", async () => {
  writeFileSync(archive, readFileSync(archive).subarray(0, 40));
  await expect(unpack("a".repeat(64), 0)).rejects.toThrow();
  expect(existsSync(join(cache, "roots", "a".repeat(64)))).toBe(false);
});

test("a root that nobody used for a day goes when the next one is unpacked", async () => {
  await unpack("a".repeat(64), 10 * day);
  await unpack("b".repeat(64), 11 * day);
  await unpack("a".repeat(64), 11 * day);
  await unpack("c".repeat(64), 12 * day + 1);
  expect(readdirSync(join(cache, "roots")).sort()).toEqual(["c".repeat(64)]);
  await unpack("b".repeat(64), 12 * day + 2);
  expect(readdirSync(join(cache, "roots")).sort()).toEqual(["b".repeat(64), "c".repeat(64)]);
});
