/** `imagectl recovery`: a password that is shown once and whose hash alone is kept. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { packageRoot } from "../paths.ts";
import { run } from "../run.ts";
import { Secret } from "../secret.ts";
import { hashPassword } from "../yescrypt.ts";
import { formatSheet, makePassword, passwordBytes } from "./recovery-sheet.ts";
import { runCaptured } from "./test-run.ts";

const scratch = mkdtempSync(join(tmpdir(), "imagectl-recovery-"));
afterAll(() => rmSync(scratch, { recursive: true }));

const state = join(scratch, "state");
const file = join(scratch, "cluster.yaml");
const hashFile = join(state, "secrets/node1/recovery-hash");

const imagectl = (...argv: string[]) =>
  runCaptured(argv, { env: { IMAGECTL_STATE: state, IMAGECTL_CLUSTER: file, SUDO_USER: "alice" } });

const passwordOn = (sheet: string): string => /password {5}(\S+)/.exec(sheet)?.[1] ?? "";

/** As login(1) compares: crypt(3) with the hash as its setting. */
async function accepts(hash: string, password: string): Promise<boolean> {
  const program = "chomp(my ($p, $h) = <STDIN>); print crypt($p, $h) eq $h ? 1 : 0";
  return (await run("perl", ["-e", program], { input: `${password}\n${hash}\n` })).stdout === "1";
}

describe("a password", () => {
  test("is four groups of five of 32 characters, each of which all bytes reach equally often", () => {
    const counts = new Map<string, number>();
    for (let byte = 0; byte < 256; byte++) {
      const password = makePassword(new Uint8Array(passwordBytes).fill(byte)).reveal();
      expect(password).toMatch(/^([0-9a-hjkmnp-tv-z])\1{4}(-\1{5}){3}$/);
      counts.set(password, (counts.get(password) ?? 0) + 1);
    }
    expect(counts.size).toBe(32);
    expect(new Set(counts.values())).toEqual(new Set([8]));
  });
  test("is made of all its chance: 20 characters of 5 bits", () => {
    const from = (bytes: readonly number[]) => makePassword(Uint8Array.from(bytes)).reveal();
    const base = Array.from({ length: passwordBytes }, (_unused, index) => index);
    expect(from(base)).toBe("01234-56789-abcde-fghjk");
    for (const index of base.keys()) expect(from(base.with(index, 31))).not.toBe(from(base));
    expect(() => makePassword(new Uint8Array(10))).toThrow(RangeError);
  });
  test("is hashed by the system's yescrypt, another salt making another hash", async () => {
    const [one, two] = await Promise.all(
      [1, 2].map((byte) => hashPassword(new Secret("correct horse"), new Uint8Array(24).fill(byte))),
    );
    expect(one?.reveal()).toMatch(/^\$y\$j9T\$[./0-9A-Za-z]{24}\$[./0-9A-Za-z]{43}$/);
    expect(one?.reveal()).not.toBe(two?.reveal());
    expect(await accepts(one?.reveal() ?? "", "correct horse")).toBe(true);
    expect(await accepts(one?.reveal() ?? "", "correct hors")).toBe(false);
  });
});

test("the sheet fits a page of 72 columns, and says whose it is and how it is used", async () => {
  const subject = {
    cluster: "lab",
    fqdn: "node1.cluster",
    hostname: "node1",
    mac: "52:54:00:77:00:11",
    address: "10.77.0.11",
    date: "2026-05-04",
  };
  const sheet = formatSheet(subject, makePassword(Uint8Array.from({ length: passwordBytes }, (_, i) => i)));
  await expect(sheet).toMatchFileSnapshot("cases/recovery-sheet.txt");
  expect(Math.max(...sheet.split("\n").map((line) => line.length))).toBeLessThanOrEqual(72);
});

describe("imagectl recovery", () => {
  let password: string;
  beforeAll(async () => {
    cpSync(join(packageRoot, "examples/cluster.yaml"), file);
    await imagectl("keys", "init");
  });

  test("a node without one is listed with the command that makes it", async () => {
    expect((await imagectl("recovery", "list")).stdout).toMatch(
      /^node1 +none\. Make it: sudo imagectl recovery new node1$/m,
    );
  });
  test("new shows the sheet, and keeps the hash of its password and nothing else", async () => {
    const { code, stdout } = await imagectl("recovery", "new", "node1");
    expect(code).toBe(0);
    password = passwordOn(stdout);
    expect(password).toHaveLength(23);
    const hash = readFileSync(hashFile, "utf8");
    expect(statSync(hashFile).mode & 0o777).toBe(0o600);
    expect(await accepts(hash.trim(), password)).toBe(true);
    const files = readdirSync(state, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    const texts = files.map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8"));
    expect(texts.length).toBeGreaterThan(3);
    expect(texts.filter((text) => text.includes(password))).toEqual([]);
    expect(readFileSync(join(state, "secrets/log.txt"), "utf8")).toMatch(
      /^\S+Z recovery-hash of node1: made by alice\n$/,
    );
  });
  test("it is listed with its date, and never shown again", async () => {
    const { stdout } = await imagectl("recovery", "list", "--json");
    expect(JSON.parse(stdout)[0]).toMatchObject({ node: "node1", since: expect.stringMatching(/^20/) });
    expect(stdout).not.toContain("$y$");
  });
  test("one that is there stays, and no sheet is left behind for one that was not made", async () => {
    const before = readFileSync(hashFile, "utf8");
    const sheet = join(scratch, "sheet.txt");
    expect((await imagectl("recovery", "new", "node1")).stderr).toContain("[SECRET_EXISTS]");
    expect((await imagectl("recovery", "new", "node1", "--out", sheet)).stderr).toContain("--rotate");
    expect(readFileSync(hashFile, "utf8")).toBe(before);
    expect(readdirSync(scratch)).not.toContain("sheet.txt");
  });
  test("--rotate makes another one; --out writes the sheet for its owner alone, over no other file", async () => {
    const sheet = join(scratch, "sheet.txt");
    const made = await imagectl("recovery", "new", "node1", "--rotate", "--out", sheet);
    expect(made).toMatchObject({ code: 0, stdout: "" });
    expect(made.stderr).toContain("sudo imagectl apply node1");
    expect(statSync(sheet).mode & 0o777).toBe(0o600);
    const fresh = passwordOn(readFileSync(sheet, "utf8"));
    expect(made.stderr).not.toContain(fresh);
    expect(fresh).not.toBe(password);
    expect(await accepts(readFileSync(hashFile, "utf8").trim(), fresh)).toBe(true);
    const again = await imagectl("recovery", "new", "node1", "--rotate", "--out", sheet);
    expect(again.stderr).toContain("[OUTPUT_NOT_OURS]");
    expect(await accepts(readFileSync(hashFile, "utf8").trim(), fresh)).toBe(true);
  });
  test("a node that there is not gets none", async () => {
    expect((await imagectl("recovery", "new", "node9")).stderr).toContain("[NODE_UNKNOWN]");
  });
});
