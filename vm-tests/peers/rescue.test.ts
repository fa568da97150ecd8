/** The rescue's sshd, as its step starts it, against a real ssh: who gets in, and from where. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type LabNetwork, openLabNetwork } from "../../src/lab/network.ts";
import { type Namespace, openNamespace } from "../../src/namespace.ts";
import { packageRoot } from "../../src/paths.ts";
import { anyExitCode, type RunResult, run } from "../../src/run.ts";
import { lab } from "../support/lab-cluster.ts";

let folder: string;
let network: LabNetwork;
let node: Namespace;

function within(place: Namespace, words: readonly string[]): Promise<RunResult> {
  const [program, ...enter] = place.enter;
  return run(program, [...enter, ...words], { okExitCodes: anyExitCode, timeoutMs: 60_000 });
}

async function makeKey(name: string): Promise<string> {
  await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", join(folder, name)]);
  return readFileSync(join(folder, `${name}.pub`), "utf8").trim();
}

/** The step, with a bastion that signs whatever it is sent. */
function stepScript(agentKey: string): string {
  const agent = join(packageRoot, "templates/deploy/imagectl");
  return `set -eu
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/imagectl
mount --bind ${folder}/motd /etc/motd
here=${agent}
. "$here/base.sh"
. "$here/rescue.sh"
seed=http://nowhere key='${agentKey}' from=${lab.bastion}
session_request() {
  ssh-keygen -q -s ${folder}/ca -I node1 -h -n node1 "$door/host_key.pub"
  mv "$door/host_key-cert.pub" "$run/host-key.answer"
}
step_open_rescue
test -f "$run/rescue"
`;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "imagectl-rescue-"));
  writeFileSync(join(folder, "motd"), "");
  writeFileSync(join(folder, "known_hosts"), `@cert-authority * ${await makeKey("ca")}\n`);
  const agentKey = await makeKey("agent");
  await makeKey("stranger");
  const { bastion, bastionInterface, outsider, prefixLength } = lab;
  network = await openLabNetwork({ bastion, bastionInterface, outsider, prefixLength });
  node = await openNamespace("node1");
  await network.plug(node, "eth0", lab.node.mac);
  await node.ip("address", "add", `${lab.node.address}/${prefixLength}`, "dev", "eth0");
  await node.ip("link", "set", "dev", "eth0", "up");
  writeFileSync(join(folder, "step.sh"), stepScript(agentKey));
  const { exitCode, stdout, stderr } = await within(node, ["dash", join(folder, "step.sh")]);
  expect(exitCode, `${stdout}${stderr}`).toBe(0);
});

afterAll(async () => {
  // It has left the process that the namespace is held by.
  if (node !== undefined) await within(node, ["sh", "-c", "kill $(cat /run/imagectl/ssh/pid)"]);
  await node?.close();
  await network?.close();
  rmSync(folder, { recursive: true });
});

function ssh(from: Namespace | undefined, key: string, words: readonly string[]): Promise<RunResult> {
  if (from === undefined) throw new Error("the lab has no such place");
  const options = {
    BatchMode: "yes",
    IdentitiesOnly: "yes",
    IdentityFile: join(folder, key),
    UserKnownHostsFile: join(folder, "known_hosts"),
    GlobalKnownHostsFile: "/dev/null",
    StrictHostKeyChecking: "yes",
    HostKeyAlias: "node1",
    ConnectTimeout: "10",
  };
  const set = Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  return within(from, ["ssh", "-F", "/dev/null", ...set, `root@${lab.node.address}`, ...words]);
}

test("the bastion's agent key is root there, and the host key is the cluster's: nobody is asked", async () => {
  const answer = await ssh(network.bastion, "agent", ["id -u; echo $PATH; cat /etc/motd"]);
  expect(answer.stderr).toBe("");
  expect(answer).toMatchObject({ exitCode: 0 });
  // This machine's own shell may put something in front.
  expect(answer.stdout).toMatch(/^0\n.*\/imagectl\/bin:\/usr\/sbin:/);
  expect(answer.stdout).toContain("no disk was written");
});

test("another key is refused", async () => {
  const { exitCode, stderr } = await ssh(network.bastion, "stranger", ["true"]);
  expect({ exitCode, stderr }).toMatchObject({
    exitCode: 255,
    stderr: expect.stringContaining("Permission denied"),
  });
});

test("the agent key from elsewhere is refused", async () => {
  const { exitCode, stderr } = await ssh(network.outsider, "agent", ["true"]);
  expect({ exitCode, stderr }).toMatchObject({
    exitCode: 255,
    stderr: expect.stringContaining("Permission denied"),
  });
});
