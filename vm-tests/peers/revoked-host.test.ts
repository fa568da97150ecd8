/** OpenSSH itself: a host whose certificate is good until its key is revoked in the server's known_hosts. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openScratch } from "../../src/lab/scratch.ts";
import { run, type StartedProcess, start } from "../../src/run.ts";
import { signHostKey } from "../../src/serve/host-ca.ts";
import { type NodeDoors, openNodeDoors } from "../../src/serve/node-door.ts";
import { sshOptions } from "../../src/verify/ssh.ts";
import { cache } from "../support/image.ts";

const scratch = openScratch({ cache, pid: process.pid });
const folder = scratch.folder("revoked-host");
const port = 20_000 + (process.pid % 10_000);
let sshd: StartedProcess;
let doors: NodeDoors;
let hostKey: string;

beforeAll(async () => {
  for (const name of ["ca", "host", "agent"]) {
    await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(folder, name)]);
  }
  hostKey = readFileSync(join(folder, "host.pub"), "utf8").split(" ").slice(0, 2).join(" ");
  const names = { hostname: "node1", domain: "cluster", address: "127.0.0.1" };
  const certificate = await signHostKey(join(folder, "ca"), { ...names, hostKey, serial: 1 });
  writeFileSync(join(folder, "host-cert.pub"), `${certificate}\n`);
  mkdirSync("/run/sshd", { recursive: true });
  const options = [
    `HostCertificate=${join(folder, "host-cert.pub")}`,
    "ListenAddress=127.0.0.1",
    "PidFile=none",
  ];
  const words = ["-D", "-f", "/dev/null", "-p", String(port), "-h", join(folder, "host")];
  sshd = start("/usr/sbin/sshd", [...words, ...options.flatMap((option) => ["-o", option])], {
    onLine: () => {},
  });
  const hostCaKey = readFileSync(join(folder, "ca.pub"), "utf8").trim();
  const agentKey = join(folder, "agent");
  doors = await openNodeDoors({ runDirectory: folder, agentKey, hostCaKey, revokedHostKeys: [] });
});
afterAll(async () => {
  sshd?.stop();
  await sshd?.exited;
  scratch.close();
});

/** What ssh says of a login that nobody allowed: whether it got as far as its own key. */
async function knock(): Promise<string> {
  const door = doors.doorOf({ hostname: "node1", address: "127.0.0.1" });
  const words = [...sshOptions(door), "-o", "ControlMaster=no", "-o", "ConnectionAttempts=20"];
  const { stderr } = await run("ssh", [...words, "-p", String(port), "nobody@127.0.0.1", "true"], {
    okExitCodes: [255],
  });
  return stderr;
}

test("a certificate of the CA is believed, until the host's key is revoked", async () => {
  expect(await knock()).toContain("Permission denied");
  await doors.revoke(["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL94sKb+UTAp8fPsUYnQcq+qnwHFRsQXPr4cv2e0tZiG"]);
  expect(await knock()).toContain("Permission denied");
  await doors.revoke([hostKey]);
  expect(await knock()).toMatch(/REVOKED HOST KEY|Host key verification failed/);
});
