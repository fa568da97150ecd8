/** A backup of a serving bastion, opened by the program `age`, and a new bastion that serves from it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeSeed } from "../../src/cloud-init/seed.ts";
import { ensureKeys } from "../../src/keys.ts";
import { LabBastion } from "../../src/lab/lab-bastion.ts";
import { type LabNetwork, openLabNetwork } from "../../src/lab/network.ts";
import { openScratch, type Scratch } from "../../src/lab/scratch.ts";
import { statePaths } from "../../src/paths.ts";
import { readPlanInput } from "../../src/plan/inputs.ts";
import { planNode } from "../../src/plan/make.ts";
import { run } from "../../src/run.ts";
import { shellLine } from "../../src/shell.ts";
import { type FakeNode, plugFakeNode } from "../support/fake-node.ts";
import { cache, imagectl } from "../support/image.ts";
import { type LabCluster, lab, makeLabCluster } from "../support/lab-cluster.ts";
import { ensureRecovery } from "../support/recovery.ts";
import { publishSmallImage } from "../support/stored-image.ts";

const passphrase = "four words of nobody's choice";
let scratch: Scratch;
let state: string;
let file: string;
let passphraseFile: string;
let cluster: LabCluster;
let network: LabNetwork;
let bastion: LabBastion;
let node: FakeNode;
let environment: Record<string, string>;

beforeAll(async () => {
  scratch = openScratch({ cache, pid: process.pid });
  state = join(scratch.folder("bastion"), "state");
  cluster = await makeLabCluster(scratch.folder("cluster"));
  const { keys, secrets } = statePaths({ IMAGECTL_STATE: state });
  await ensureKeys(keys);
  await ensureRecovery(secrets, [lab.node.name]);
  const input = { clusterFile: cluster.file, keysDirectory: keys, operatingSystems: ["debian-12"], makeSeed };
  await publishSmallImage(state, planNode(await readPlanInput(input), lab.node.name));
  const folder = scratch.folder("backup");
  file = join(folder, "lab.backup");
  passphraseFile = join(folder, "passphrase");
  writeFileSync(passphraseFile, `${passphrase}\n`, { mode: 0o600 });
  environment = { IMAGECTL_STATE: state, IMAGECTL_RUN: scratch.runtime, IMAGECTL_CLUSTER: cluster.file };
  network = await openLabNetwork({ ...lab, outsider: undefined });
  const place = network.bastion;
  bastion = new LabBastion({ place, clusterFile: cluster.file, environment, onLine: () => {} });
  await bastion.start();
  node = await plugFakeNode(network, { mac: lab.node.mac, address: lab.node.address });
});

afterAll(async () => {
  await bastion?.stop();
  await node?.close();
  await network?.close();
  scratch?.close();
});

const restoring = ["restore", "--passphrase-file"] as const;

/** Runs a command on a terminal of its own, and types a line when it asks. */
async function onTerminal(words: readonly string[], question: string, answer: string) {
  const child = spawn("script", ["-qfec", shellLine(words), "/dev/null"], {
    env: { ...process.env, ...environment },
    stdio: ["pipe", "pipe", "inherit"],
  });
  let shown = "";
  let hasAnswered = false;
  for await (const chunk of child.stdout) {
    shown += String(chunk);
    if (hasAnswered || !shown.includes(question)) continue;
    hasAnswered = true;
    child.stdin.write(`${answer}\r`);
  }
  if (child.exitCode === null) await once(child, "exit");
  return { shown, exitCode: child.exitCode };
}

test("the server hands out its database while it serves; the file shows no key", async () => {
  await bastion.imagectl(["arm", lab.node.name]);
  const { stdout } = await bastion.imagectl(["backup", file, "--passphrase-file", passphraseFile]);
  expect(stdout).toContain("3 private keys, 1 secrets, the database, manifests of 1 images");
  const key = readFileSync(join(state, "keys/agent_ed25519"), "utf8").split("\n")[2] as string;
  expect(key.length).toBeGreaterThan(50);
  expect(readFileSync(file).includes(key)).toBe(false);
});

test("the program age opens it, without any imagectl", async () => {
  const folder = scratch.folder("by-hand");
  await run("tar", ["-xf", file, "-C", folder]);
  expect((await run("sha256sum", ["-c", "sha256sums"], { cwd: folder })).exitCode).toBe(0);
  const words = ["age", "--decrypt", "--output", join(folder, "state.tar"), join(folder, "state.tar.age")];
  const { shown, exitCode } = await onTerminal(words, "assphrase", passphrase);
  expect(exitCode, shown).toBe(0);
  await run("tar", ["-xf", join(folder, "state.tar"), "-C", folder]);
  const key = readFileSync(join(folder, "state/keys/host_ca_ed25519"), "utf8");
  expect(key).toBe(readFileSync(join(state, "keys/host_ca_ed25519"), "utf8"));
  const { stdout } = await run("sh", [
    "-c",
    `"$0" --disable-warning=ExperimentalWarning -e 'const db = new (require("node:sqlite").DatabaseSync)(process.argv[1]);
      console.log(db.prepare("SELECT node FROM attempts").get().node)' "$1"`,
    process.execPath,
    join(folder, "state/imagectl.sqlite"),
  ]);
  expect(stdout).toBe("node1\n");
});

test("on a terminal the passphrase is asked for and never shown", async () => {
  const words = [imagectl, "restore", file, "--check"];
  const good = await onTerminal(words, "Passphrase of the backup: ", passphrase);
  expect(good.shown).toContain("is whole and opens");
  expect(good.shown).not.toContain("four words");
  const interrupted = await onTerminal(words, "Passphrase of the backup: ", "\x03");
  expect(interrupted.exitCode).toBe(1);
  expect(interrupted.shown).toContain("PASSPHRASE_UNUSABLE");
});

test("without a terminal and without a file the command says which option it wants", async () => {
  const answer = await run("setsid", ["--wait", imagectl, "restore", file, "--check"], {
    env: environment,
    okExitCodes: [1],
  });
  expect(answer.stderr).toContain("hint: Give a file: --passphrase-file FILE");
});

test("beside a running server nothing is restored", async () => {
  const words = [...restoring, passphraseFile, file, "--force"];
  const { stderr } = await bastion.imagectl(words, { okExitCodes: [1] });
  expect(stderr).toContain("SERVER_ALREADY_RUNNING");
  expect(readdirSync(join(state, "..")).filter((name) => name !== "state")).toEqual([]);
});

test("killed at any moment of writing, there is no state or a whole one; the next restore succeeds", async () => {
  await bastion.stop();
  renameSync(state, `${state}-lost`);
  const [program, ...words] = [imagectl, ...restoring, passphraseFile, file];
  for (const killAfterMs of [0, 4, 12, 30]) {
    const child = spawn(program as string, words, {
      env: { ...process.env, ...environment },
      stdio: "ignore",
    });
    const exited = once(child, "exit");
    while (!existsSync(`${state}.restoring`) && child.exitCode === null) await sleep(1);
    await sleep(killAfterMs);
    child.kill("SIGKILL");
    await exited;
    if (!existsSync(state)) continue;
    expect(readdirSync(state).sort()).toEqual(["imagectl.sqlite", "keys", "store"]);
    expect(readdirSync(join(state, "keys"))).toHaveLength(6);
    rmSync(state, { recursive: true });
  }
  const { stdout } = await bastion.imagectl([...words]);
  expect(stdout).toContain(`restored to ${state}`);
  expect(stdout).toContain("disarmed, since their disks may have been written since: node1");
});

test("the new bastion serves the same nodes, with their past, and arms none by itself", async () => {
  await bastion.start();
  const { stdout } = await bastion.imagectl(["nodes"]);
  expect(stdout).toMatch(/node1.*disarmed/);
  expect((await bastion.imagectl(["events", lab.node.name])).stdout).toContain("armed until");
  const url = `http://${lab.bastion}:8080/boot/${lab.node.mac.replaceAll(":", "-")}/script.ipxe?firmware=bios-x86`;
  const script = await node.http("GET", url);
  expect(script.status).toBe(200);
  expect(script.body).not.toContain("imagectl.seed");
});

test("copied images are whole under the restored manifests, and the node can be armed again", async () => {
  const verify = await bastion.imagectl(["images", "verify"], { okExitCodes: [2] });
  expect(verify.stdout).toContain("IMAGE_DAMAGED");
  await run("cp", ["-an", `${state}-lost/store/blobs/.`, join(state, "store/blobs/")]);
  expect((await bastion.imagectl(["images", "verify"])).stdout).toContain("whole and signed");
  expect((await bastion.imagectl(["arm", lab.node.name])).stdout).toContain("armed");
});
