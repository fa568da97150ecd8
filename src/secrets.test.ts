import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { Secret } from "./secret.ts";
import { openSecrets, parseValue, type SecretStore } from "./secrets.ts";

const base = mkdtempSync(join(tmpdir(), "imagectl-secrets-"));
afterAll(() => rmSync(base, { recursive: true }));

const how = { isReplacing: false, now: new Date("2026-05-04T10:00:00Z"), by: "alice" };
const token = { name: "token", node: undefined };
const hash = { name: "hash", node: "node1" };

let directory: string;
let store: SecretStore;
beforeEach(() => {
  directory = join(mkdtempSync(join(base, "case-")), "secrets");
  store = openSecrets(directory);
});

test("a secret shows as [redacted], however it is printed", () => {
  const secret = new Secret("hunter2");
  const shown = [`${secret}`, JSON.stringify({ secret }), inspect({ secret }), String([secret])];
  for (const text of shown) {
    expect(text).toContain("[redacted]");
    expect(text).not.toContain("hunter2");
  }
  expect(secret.reveal()).toBe("hunter2");
});

describe("the store", () => {
  test("the cluster's values lie beside folders with those of each node, for root alone", async () => {
    await store.write(token, new Secret("t"), how);
    await store.write(hash, new Secret("h"), how);
    expect((await store.read(token))?.reveal()).toBe("t");
    expect((await store.read(hash))?.reveal()).toBe("h");
    expect(await store.read({ name: "hash", node: "node2" })).toBeUndefined();
    for (const [path, mode] of [
      ["", 0o700],
      ["node1", 0o700],
      ["token", 0o600],
      ["node1/hash", 0o600],
    ] as const)
      expect([path, statSync(join(directory, path)).mode & 0o777]).toEqual([path, mode]);
    expect(await store.list()).toMatchObject([
      { name: "token", node: undefined },
      { name: "hash", node: "node1" },
    ]);
  });
  test("nothing is there before the first one", async () => {
    expect(await store.read(token)).toBeUndefined();
    expect(await store.list()).toEqual([]);
  });
  test("a value is replaced only when that is said", async () => {
    await store.write(token, new Secret("old"), how);
    await expect(store.write(token, new Secret("new"), how)).rejects.toMatchObject({ code: "SECRET_EXISTS" });
    expect((await store.read(token))?.reveal()).toBe("old");
    await store.write(token, new Secret("new"), { ...how, isReplacing: true });
    expect((await store.read(token))?.reveal()).toBe("new");
  });
  test("of two that make it at once, one wins", async () => {
    const both = await Promise.allSettled(
      ["a", "b"].map((value) => store.write(token, new Secret(value), how)),
    );
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(readdirSync(directory).sort()).toEqual(["log.txt", "token"]);
  });
  test("the log says what was made, when and by whom, and not what it is", async () => {
    await store.write(hash, new Secret("hunter2"), how);
    await store.write(hash, new Secret("hunter3"), { ...how, isReplacing: true });
    const log = readFileSync(join(directory, "log.txt"), "utf8");
    expect(log).toBe(
      "2026-05-04T10:00:00.000Z hash of node1: made by alice\n2026-05-04T10:00:00.000Z hash of node1: written anew by alice\n",
    );
  });
  test("a file that others may read is refused, and the hint mends it", async () => {
    await store.write(token, new Secret("t"), how);
    chmodSync(join(directory, "token"), 0o644);
    await expect(store.read(token)).rejects.toMatchObject({
      code: "SECRET_UNREADABLE",
      hint: `sudo chmod 600 ${join(directory, "token")}`,
    });
  });
  test("a node of the name of a cluster's secret is a clear error", async () => {
    await store.write(hash, new Secret("h"), how);
    await expect(store.read({ name: "node1", node: undefined })).rejects.toMatchObject({
      code: "SECRET_UNREADABLE",
    });
  });
  test("what an editor or echo left behind the value is no part of it", async () => {
    await store.write(token, new Secret("t"), how);
    writeFileSync(join(directory, "token"), "two\nlines\r\n");
    expect((await store.read(token))?.reveal()).toBe("two\nlines");
  });
});

test.each([
  ["nothing", ""],
  ["a line end alone", "\n"],
  ["a zero byte", "a\0b"],
  ["bytes that are no text", Buffer.from([0xff, 0xfe])],
])("%s is no value", (_name, bytes) => {
  const read = () => parseValue(Buffer.from(bytes as string), "FILE");
  expect(read).toThrow(expect.objectContaining({ code: "SECRET_UNREADABLE" }));
});
