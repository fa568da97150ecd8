/** `imagectl user import-keys` against a forge that stands here, on a real file. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { packageRoot } from "../paths.ts";
import { runCaptured } from "./test-run.ts";

const sample = readFileSync(join(packageRoot, "examples/cluster.yaml"), "utf8");
const inFile = /ssh-ed25519 \S+(?= alice@laptop)/.exec(sample)?.[0] ?? "";

function keyOf(filler: number): string {
  const head = Buffer.from("0000000b7373682d6564323535313900000020", "hex");
  return `ssh-ed25519 ${Buffer.concat([head, Buffer.alloc(32, filler)]).toString("base64")}`;
}

const answers: Readonly<Record<string, { readonly status: number; readonly text: string }>> = {
  "/alice.keys": { status: 200, text: `${inFile}\n${keyOf(1)}\nssh-dss AAAAB3\n` },
  "/stranger.keys": { status: 200, text: `${keyOf(2)}\n` },
  "/none.keys": { status: 200, text: "\n" },
  "/page.keys": { status: 200, text: "<!doctype html>\n" },
  "/renamed.keys": { status: 301, text: "" },
  "/long.keys": { status: 200, text: "#".repeat(300 * 1024) },
};

let forge: Server;
let url: string;
let folder: string;
let file: string;
const imagectl = (...argv: string[]) =>
  runCaptured(["user", "import-keys", ...argv], { env: { IMAGECTL_CLUSTER: file } });
const fromForge = (name: string, account: string, ...more: string[]) =>
  imagectl(name, "--github", account, "--server", url, ...more);

beforeAll(async () => {
  forge = createServer((request, response) => {
    const { status, text } = answers[request.url ?? ""] ?? { status: 404, text: "Not Found" };
    response.writeHead(status, status === 301 ? { location: "/another.keys" } : {}).end(text);
  });
  await new Promise<void>((resolve) => forge.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(forge.address() as AddressInfo).port}`;
});
afterAll(() => forge.close());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "imagectl-user-"));
  file = join(folder, "cluster.yaml");
  writeFileSync(file, sample);
});
afterEach(() => rmSync(folder, { recursive: true }));

test("a new key is added below the others, with where it is from; the rest of the file stays", async () => {
  const { code, stdout, stderr } = await fromForge("alice", "alice");
  expect(code).toBe(0);
  const line = `      - "${keyOf(1)} alice@127.0.0.1"\n`;
  expect(readFileSync(file, "utf8")).toBe(sample.replace(/(alice@laptop\n)/, `$1${line}`));
  expect(stdout).toContain(`\n+${line}`);
  expect(stderr).toMatch(/SHA256:\S+ +ssh-ed25519 +new\n/);
  expect(stderr).toMatch(/there already\n/);
  expect(stderr).toContain("not taken: line 3: keys of the algorithm ssh-dss are not taken");
  expect(stderr).toContain("Next: sudo imagectl apply --all");
  const again = await fromForge("alice", "alice");
  expect(again.stderr).toContain("nothing is new");
});

test("a user that there is not is made with a number, and only then", async () => {
  const unknown = await fromForge("dave", "alice");
  expect(unknown.code).toBe(1);
  expect(unknown.stderr).toMatch(/\[USER_UNKNOWN\]\n.*--uid 10003/);
  expect((await fromForge("dave", "alice", "--uid", "10003")).code).toBe(0);
  expect(readFileSync(file, "utf8")).toContain(
    `  dave: {uid: 10003, keys: ["${inFile} alice@127.0.0.1", "${keyOf(1)} alice@127.0.0.1"]}\n`,
  );
  expect((await fromForge("dave", "alice", "--uid", "10009")).stderr).toContain("[DUPLICATE]");
});

test("keys of which none is known may be another person's: it is asked for", async () => {
  const asked = await fromForge("alice", "stranger");
  expect(asked.code).toBe(1);
  expect(asked.stderr).toContain("is it still the same person's account?");
  expect(asked.stderr).toContain("[NOT_CONFIRMED]");
  expect(readFileSync(file, "utf8")).toBe(sample);
  expect((await fromForge("alice", "stranger", "--yes")).code).toBe(0);
  expect(readFileSync(file, "utf8")).toContain(keyOf(2));
});

test("a dry run shows it and writes nothing; --json has the fingerprints", async () => {
  const { code, stdout } = await fromForge("alice", "alice", "--dry-run", "--json");
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    file,
    isChanged: true,
    isDryRun: true,
    added: [{ fingerprint: expect.stringMatching(/^SHA256:/) }],
    kept: [{}],
    absent: [],
    refused: [{ line: 3 }],
  });
  expect(readFileSync(file, "utf8")).toBe(sample);
});

test.each([
  ["an account that there is not", "nobody", "has no account nobody"],
  ["an account without keys", "none", "has no keys"],
  ["a page instead of keys", "page", "has no key that can be taken"],
  ["an account that leads elsewhere", "renamed", "sends to /another.keys"],
  ["an endless answer", "long", "longer than"],
])("%s is told, and nothing is written", async (_name, account, expected) => {
  const { code, stderr } = await fromForge("alice", account);
  expect(code).toBe(1);
  expect(stderr).toContain("[KEYS_NOT_OFFERED]");
  expect(stderr).toContain(expected);
  expect(readFileSync(file, "utf8")).toBe(sample);
});

test("keys come from a file as well, and a private one is never shown", async () => {
  const keys = join(folder, "keys");
  writeFileSync(keys, `${inFile} alice@laptop\n${keyOf(3)} alice@desk\n`);
  expect((await imagectl("alice", "--keys-from", keys)).code).toBe(0);
  expect(readFileSync(file, "utf8")).toContain(`"${keyOf(3)} alice@desk"`);
  writeFileSync(keys, "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n");
  const { stderr } = await imagectl("alice", "--keys-from", keys);
  expect(stderr).toContain("private key");
  expect(stderr).not.toContain("c2VjcmV0");
});

test.each([
  ["no source", [], "from where?"],
  ["two sources", ["--github", "alice", "--keys-from", "keys"], "from where?"],
  ["a forge without TLS", ["--github", "alice", "--server", "http://forge.example"], "https://"],
  ["a path for an account", ["--github", "../alice"], "is no account's name"],
  ["a number that is none", ["--keys-from", "/dev/null", "--uid", "x"], "is no number"],
])("%s is a wrong command line", async (_name, words, expected) => {
  const { code, stderr } = await imagectl("alice", ...words);
  expect(code).toBe(2);
  expect(stderr).toContain(expected);
});
