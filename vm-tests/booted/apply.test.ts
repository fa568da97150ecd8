/** Applying to a running node: whatever would make it unreachable, it takes back by itself. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { certificateFor } from "../../src/host-certificate.ts";
import { keyPaths, readPublicKeys } from "../../src/keys.ts";
import { openScratch } from "../../src/lab/scratch.ts";
import { statePaths } from "../../src/paths.ts";
import { nodeOverlay } from "../../src/plan/fill-secrets.ts";
import { buildOverlay, type NamedLayer } from "../../src/plan/overlay.ts";
import { anyExitCode, type RunResult, run, start } from "../../src/run.ts";
import { openSecrets } from "../../src/secrets.ts";
import { renewCertificate } from "../../src/serve/host-certificates.ts";
import { type SshDoor, sshOptions } from "../../src/verify/ssh.ts";
import { type BootedLab, openBootedLab } from "../support/booted-lab.ts";
import { cache, testState } from "../support/image.ts";
import { lab } from "../support/lab-cluster.ts";

let booted: BootedLab;
let door: SshDoor;
const scratch = openScratch({ cache, pid: process.pid });
beforeAll(async () => {
  booted = await openBootedLab();
  const keys = statePaths({ IMAGECTL_STATE: testState }).keys;
  const folder = scratch.folder("door");
  door = {
    hostname: lab.node.name,
    address: lab.node.address,
    identityFile: keyPaths(keys).agent.privateKey,
    knownHostsFile: join(folder, "known_hosts"),
    controlDirectory: folder,
  };
  const { hostCaKey } = await readPublicKeys(keys);
  writeFileSync(door.knownHostsFile, `@cert-authority * ${hostCaKey}\n`);
});
afterAll(async () => {
  await booted?.close();
  scratch.close();
});

/** ssh to the node's agent as the bastion does it; each time a connection of its own. */
function agentWords(...words: string[]): [string, string[]] {
  const alone = ["-o", "ControlMaster=no", "-o", "ControlPath=none"];
  const [program, ...inside] = booted.network.bastion.enter;
  const way = ["ssh", ...alone, ...sshOptions(door), `imagectl@${door.address}`, ...words];
  return [program, [...inside, ...way]];
}

/** With the values of its secrets, where it is the node's. */
async function overlayOf(layer: NamedLayer): Promise<Uint8Array> {
  if (layer.name === "image") return buildOverlay(layer);
  const { secrets } = statePaths({ IMAGECTL_STATE: testState });
  return nodeOverlay({ ...(await booted.plan()).node, ...layer }, openSecrets(secrets));
}

async function apply(layer: NamedLayer, onLine: (line: string) => void = () => {}): Promise<RunResult> {
  const [program, words] = agentWords("apply", "--confirm");
  const input = await overlayOf(layer);
  return run(program, words, { input, onLine, okExitCodes: anyExitCode, timeoutMs: 150_000 });
}

async function confirm(): Promise<void> {
  const [program, words] = agentWords("confirm");
  await run(program, words, { okExitCodes: anyExitCode });
}

/** A layer of the node's plan with one line of one file changed. */
async function changed(name: "image" | "node", path: string, from: RegExp, to: string): Promise<NamedLayer> {
  const plan = await booted.plan();
  const layer = plan[name];
  const files = layer.files.map((file) =>
    file.path === path ? { ...file, content: file.content.replace(from, to) } : file,
  );
  expect(files).not.toEqual(layer.files);
  return { ...layer, name, files };
}

/** What apply changes, and what it must put back. */
async function state(): Promise<string> {
  const script = "find /etc /var/lib/imagectl -type f ! -name lock | sort | xargs sha256sum; iptables -S";
  return (await booted.host.run(script, 20)).stdout;
}

test("a change that is confirmed over a new connection stays", async () => {
  // The first line is ufw's own note of a rule: without it, ufw forgets the rule when it writes the file anew.
  const rule =
    "### tuple ### allow tcp 4242 0.0.0.0/0 any 0.0.0.0/0 in\n-A ufw-user-input -p tcp --dport 4242 -j ACCEPT";
  const open = `\n${rule}\n\n### END RULES ###`;
  const layer = await changed("node", "/etc/ufw/user.rules", /\n### END RULES ###/, open);
  const said = await apply(layer, (line) => {
    if (line.startsWith("confirm ")) void confirm();
  });
  expect(said, said.stdout).toMatchObject({ exitCode: 0 });
  expect((await booted.host.run("iptables -S ufw-user-input", 10)).stdout).toContain(
    "--dport 4242 -j ACCEPT",
  );

  // Back to the plan, and once more with nothing to confirm.
  const { node } = await booted.plan();
  await apply({ ...node, name: "node" }, (line) => {
    if (line.startsWith("confirm ")) void confirm();
  });
  expect(await apply({ ...node, name: "node" })).toMatchObject({
    exitCode: 0,
    stdout: "nothing to change\n",
  });
});

test("a firewall that shuts the bastion out is taken back by the node itself", async () => {
  const before = await state();
  const layer = await changed(
    "node",
    "/etc/ufw/user.rules",
    /^### tuple ### allow tcp 22 .*\n-A ufw-user-input .*--dport 22 .*\n\n/m,
    "",
  );
  const said = await apply(layer, (line) => {
    if (line.startsWith("confirm ")) void confirm();
  });
  expect(said.exitCode).toBe(1);
  expect(said.stdout).toContain("failed: nobody could log in again after the change\n");
  expect(await state()).toBe(before);
  const [program, words] = agentWords("run");
  expect(await run(program, words, { input: "hostname" })).toMatchObject({ stdout: "node1\n" });
});

test("a configuration with which sshd hears nobody is taken back", async () => {
  const before = await state();
  const layer = await changed(
    "image",
    "/etc/ssh/sshd_config",
    /^UsePAM yes/m,
    "UsePAM yes\nListenAddress 203.0.113.1",
  );
  const said = await apply(layer);
  expect(said.exitCode).toBe(1);
  expect(said.stdout).toContain("nothing listens on ssh's port");
  expect(await state()).toBe(before);
});

test.each<[string, string, RegExp, string]>([
  ["sshd", "/etc/ssh/sshd_config", /^UsePAM yes/m, "UsePAM perhaps"],
  ["sudo", "/etc/sudoers", /^root /m, "root can do "],
])("what %s cannot read never gets that far", async (_name, path, from, to) => {
  const before = await state();
  const said = await apply(await changed("image", path, from, to));
  expect(said.exitCode).toBe(1);
  expect(said.stdout).toMatch(/failed: the validator ".*" refuses the new files/);
  expect(await state()).toBe(before);
});

test("an apply goes on to its end when its connection is lost", async () => {
  const { node } = await booted.plan();
  const commands = [
    {
      name: "take long",
      run: "sleep 3; echo done >/var/lib/imagectl-test",
      unless: "test -e /var/lib/imagectl-test",
      role: "sample",
    },
  ];
  const overlay = await overlayOf({ ...node, name: "node", commands: [...node.commands, ...commands] });
  const [program, words] = agentWords("apply");
  const seen = Promise.withResolvers<void>();
  const input = join(scratch.folder("overlay"), "overlay.tar");
  await run("sh", ["-c", 'cat >"$0"', input], { input: overlay });
  const connection = start("sh", ["-c", 'exec "$@" <"$0"', input, program, ...words], {
    onLine: (line) => {
      if (line === "command take long") seen.resolve();
    },
  });
  await Promise.race([seen.promise, connection.exited]);
  connection.stop("SIGKILL");
  await connection.exited;
  await sleep(5_000);
  expect((await booted.host.run("cat /var/lib/imagectl-test; ls /var/lib/imagectl", 10)).stdout).toBe(
    "done\napplied-image.json\napplied-node.json\nlock\n",
  );
});

test("a host certificate that ends within the month is replaced, and sshd shows the new one", async () => {
  const { hostCa } = keyPaths(statePaths({ IMAGECTL_STATE: testState }).keys);
  const { node } = await booted.plan();
  const renew = (now: Date): Promise<boolean> =>
    renewCertificate(
      {
        runOnNode: () => booted.agent,
        certificateFor: ({ hostname, domain, address }, hostKey, present) =>
          certificateFor({ hostname, domain, address, hostCa, now }, hostKey, present),
      },
      node,
    );
  const serial = async (): Promise<string> =>
    (await booted.host.run("ssh-keygen -L -f /etc/ssh/ssh_host_ed25519_key-cert.pub | grep Serial", 10))
      .stdout;
  // That of the lab never ends.
  expect(await renew(new Date())).toBe(true);
  const before = await serial();
  expect(await renew(new Date())).toBe(false);
  expect(await serial()).toBe(before);
  // Serials are seconds.
  await sleep(1_100);
  expect(await renew(new Date(Date.now() + 340 * 86_400_000))).toBe(true);
  expect(await serial()).not.toBe(before);
  expect(await renew(new Date())).toBe(false);
  const { alice } = booted.cluster.userKeys;
  expect(await booted.sshAs("alice", alice, ["id", "-un"])).toMatchObject({ exitCode: 0, stdout: "alice\n" });
});
