import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { signHostKey } from "./host-ca.ts";
import { run } from "./run.ts";

let folder: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "imagectl-ca-"));
  for (const name of ["ca", "host"]) {
    await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", join(folder, name)]);
  }
});

afterEach(() => rmSync(folder, { recursive: true }));

const request = { hostname: "node1", domain: "lab.test", address: "10.77.0.11", serial: 7 };

test("the certificate names the node three ways, is for a host and ends", async () => {
  const hostKey = readFileSync(join(folder, "host.pub"), "utf8").trim();
  const certificate = await signHostKey(join(folder, "ca"), { ...request, hostKey });
  expect(certificate).toMatch(/^ssh-ed25519-cert-v01@openssh\.com [A-Za-z0-9+/=]+( .*)?$/);
  writeFileSync(join(folder, "cert.pub"), `${certificate}\n`);
  const { stdout } = await run("ssh-keygen", ["-L", "-f", join(folder, "cert.pub")]);
  expect(stdout).toContain("Type: ssh-ed25519-cert-v01@openssh.com host certificate");
  expect(stdout).toContain("Serial: 7");
  expect(stdout).toMatch(/Principals:\s+node1\s+node1\.lab\.test\s+10\.77\.0\.11\n/);
  expect(stdout).toMatch(/Valid: before \S+/);
});

test("what is no key is refused by ssh-keygen, with its words", async () => {
  await expect(signHostKey(join(folder, "ca"), { ...request, hostKey: "ssh-ed25519 AAAA" })).rejects.toThrow(
    /key\.pub/,
  );
});
