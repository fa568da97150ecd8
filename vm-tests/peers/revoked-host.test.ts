/** OpenSSH itself and the server's known_hosts: certificates that are good, that ended, and keys that were revoked. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { signHostKey } from "../../src/host-ca.ts";
import { openScratch } from "../../src/lab/scratch.ts";
import { run, type StartedProcess, start } from "../../src/run.ts";
import { type NodeDoors, openNodeDoors } from "../../src/serve/node-door.ts";
import { sshOptions } from "../../src/verify/ssh.ts";
import { cache } from "../support/image.ts";

const scratch = openScratch({ cache, pid: process.pid });
const folder = scratch.folder("revoked-host");
const port = 20_000 + (process.pid % 10_000);
let sshd: StartedProcess;
let doors: NodeDoors;
let hostKey: string;
const known = { current: [] as { node: string; hostKey: string }[], revoked: [] as string[] };
const strange = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL94sKb+UTAp8fPsUYnQcq+qnwHFRsQXPr4cv2e0tZiG";

beforeAll(async () => {
  for (const name of ["ca", "host", "agent"]) {
    await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(folder, name)]);
  }
  hostKey = readFileSync(join(folder, "host.pub"), "utf8").split(" ").slice(0, 2).join(" ");
  const names = { hostname: "node1", domain: "cluster", address: "127.0.0.1" };
  const certificate = await signHostKey(join(folder, "ca"), { ...names, hostKey, serial: 1 });
  writeFileSync(join(folder, "host-cert.pub"), `${certificate}\n`);
  mkdirSync("/run/sshd", { recursive: true });
  sshd = startSshd();
  const hostCaKey = readFileSync(join(folder, "ca.pub"), "utf8").trim();
  const agentKey = join(folder, "agent");
  const seeds = { currentHostKeys: () => known.current, revokedHostKeys: () => known.revoked };
  doors = await openNodeDoors({ runDirectory: folder, agentKey, hostCaKey, seeds });
});

function startSshd(): StartedProcess {
  const options = [
    `HostCertificate=${join(folder, "host-cert.pub")}`,
    "ListenAddress=127.0.0.1",
    "PidFile=none",
  ];
  const words = ["-D", "-f", "/dev/null", "-p", String(port), "-h", join(folder, "host")];
  const given = options.flatMap((option) => ["-o", option]);
  return start("/usr/sbin/sshd", [...words, ...given], { onLine: () => {} });
}

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
  known.revoked = [strange];
  await doors.refresh();
  expect(await knock()).toContain("Permission denied");
  known.revoked = [hostKey];
  await doors.refresh();
  expect(await knock()).toMatch(/REVOKED HOST KEY|Host key verification failed/);
  known.revoked = [];
});

test("a node whose certificate ended is known by its own key, and by no other: it can get a new one", async () => {
  const ended = ["-V", "20200101:20210101", join(folder, "host.pub")];
  await run("ssh-keygen", ["-q", "-s", join(folder, "ca"), "-I", "n", "-h", "-n", "node1", ...ended]);
  sshd.stop();
  await sshd.exited;
  sshd = startSshd();
  const knockAs = async (node: string, key: string): Promise<string> => {
    known.current = [{ node, hostKey: key }];
    await doors.refresh();
    return knock();
  };
  expect(await knockAs("node2", hostKey)).toContain("Host key verification failed");
  expect(await knockAs("node1", strange)).toContain("Host key verification failed");
  expect(await knockAs("node1", hostKey)).toContain("Permission denied");
});
