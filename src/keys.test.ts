/** The cluster's keys: made once, also by two at the same time. */
import { createPrivateKey, createPublicKey } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ensureKeys, keyPaths, readPublicKeys } from "./keys.ts";
import { run } from "./run.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "imagectl-keys-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const content = (path: string) => readFileSync(path, "utf8");

test("several at once agree on the same keys, and public and private halves belong together", async () => {
  const [paths] = await Promise.all([ensureKeys(directory), ensureKeys(directory), ensureKeys(directory)]);
  for (const pair of [paths.agent, paths.hostCa]) {
    const { stdout } = await run("ssh-keygen", ["-y", "-f", pair.privateKey]);
    expect(content(pair.publicKey)).toBe(stdout);
  }
  const manifest = createPublicKey(createPrivateKey(content(paths.manifest.privateKey)));
  expect(content(paths.manifest.publicKey)).toBe(manifest.export({ type: "spki", format: "pem" }));
  expect(readdirSync(directory).filter((name) => name.startsWith("."))).toEqual([]);
});

test("the two ssh keys are different keys", async () => {
  await ensureKeys(directory);
  const { agentKey, hostCaKey } = await readPublicKeys(directory);
  expect(agentKey.split(" ")[1]).not.toBe(hostCaKey.split(" ")[1]);
  expect(agentKey).toMatch(/^ssh-ed25519 [A-Za-z0-9+/=]+ imagectl-agent$/);
});

test("before they are made, reading them says how to make them", async () => {
  await expect(readPublicKeys(directory)).rejects.toMatchObject({
    code: "KEYS_MISSING",
    hint: expect.stringContaining("imagectl keys init"),
  });
});

test("paths are known before the keys exist", () => {
  expect(keyPaths("/k").hostCa).toEqual({
    privateKey: "/k/host_ca_ed25519",
    publicKey: "/k/host_ca_ed25519.pub",
  });
});
