/** The real `imagectl serve` in a network of its own, and a machine that speaks to it with curl and udhcpc. */
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeSeed } from "../../src/cloud-init/seed.ts";
import { ensureKeys } from "../../src/keys.ts";
import { LabBastion } from "../../src/lab/lab-bastion.ts";
import { type LabNetwork, openLabNetwork } from "../../src/lab/network.ts";
import { openScratch, type Scratch } from "../../src/lab/scratch.ts";
import { statePaths } from "../../src/paths.ts";
import { readPlanInput } from "../../src/plan/inputs.ts";
import { planNode } from "../../src/plan/make.ts";
import { run } from "../../src/run.ts";
import type { ArmAnswer, NodeView } from "../../src/serve/operator-types.ts";
import type { Image } from "../../src/store/manifest.ts";
import { openStore } from "../../src/store/store.ts";
import {
  type FakeNode,
  fakeSession,
  inventory,
  plugFakeNode,
  scriptUrl,
  seedUrlOf,
} from "../support/fake-node.ts";
import { cache } from "../support/image.ts";
import { type LabCluster, lab, makeLabCluster, wholeCluster } from "../support/lab-cluster.ts";
import { publishSmallImage } from "../support/stored-image.ts";

let scratch: Scratch;
let cluster: LabCluster;
let network: LabNetwork;
let bastion: LabBastion;
let node: FakeNode;
let stranger: FakeNode;
let state: string;

async function stageOfNode(): Promise<string | undefined> {
  const { stdout } = await bastion.imagectl(["nodes", "--json"]);
  const nodes = JSON.parse(stdout) as NodeView[];
  return nodes.find((each) => each.node === lab.node.name)?.attempt?.state.stage;
}

async function eventsOfNode(): Promise<string> {
  return (await bastion.imagectl(["events", lab.node.name])).stdout;
}

/** Asks for an address as that machine's boot ROM would, without taking it. */
function askDhcp(machine: FakeNode) {
  const asPxe = ["-V", "PXEClient:Arch:00000:UNDI:002001", "-x", "0x5d:0000"];
  return machine.run(
    ["busybox", "udhcpc", "-i", "eth0", "-n", "-q", "-t", "2", "-T", "1", "-s", "/bin/true", ...asPxe],
    20_000,
  );
}

beforeAll(async () => {
  scratch = openScratch({ cache, pid: process.pid });
  state = scratch.folder("state");
  cluster = await makeLabCluster(scratch.folder("cluster"));
  const { keys } = statePaths({ IMAGECTL_STATE: state });
  await ensureKeys(keys);
  const input = { clusterFile: cluster.file, keysDirectory: keys, operatingSystems: ["debian-12"], makeSeed };
  await publishSmallImage(state, planNode(await readPlanInput(input), lab.node.name));
  network = await openLabNetwork({ ...lab, outsider: undefined });
  bastion = new LabBastion({
    place: network.bastion,
    clusterFile: cluster.file,
    environment: { IMAGECTL_STATE: state, IMAGECTL_RUN: scratch.runtime },
    onLine: () => {},
  });
  await bastion.start();
  node = await plugFakeNode(network, { mac: lab.node.mac, address: lab.node.address });
  stranger = await plugFakeNode(network, { mac: "52:54:00:99:99:99", address: "10.77.0.99" });
});

afterAll(async () => {
  await bastion?.stop();
  await node?.close();
  await stranger?.close();
  await network?.close();
  scratch?.close();
});

describe("before anything is armed", () => {
  test("the operator's socket and the database are root's alone", () => {
    expect(statSync(join(scratch.runtime, "operator.sock")).mode & 0o777).toBe(0o600);
    expect(statSync(join(state, "imagectl.sqlite")).mode & 0o777).toBe(0o600);
  });

  test("an unknown machine gets no answer, by DHCP or HTTP, and a line in the log", async () => {
    expect((await askDhcp(stranger)).exitCode).not.toBe(0);
    const url = scriptUrl.replace(/boot\/[^/]+/, "boot/52-54-00-99-99-99");
    expect((await stranger.http("GET", url)).status).toBe(404);
    await expect.poll(() => bastion.log()).toMatch(/52:54:00:99:99:99 +DHCP: no answer \(unknown-mac\)/);
  });

  test("a node that is not armed is sent to its local disk", async () => {
    expect((await askDhcp(node)).exitCode).toBe(0);
    const { status, body } = await node.http("GET", scriptUrl);
    expect(status).toBe(200);
    expect(body).toMatch(/sanboot|exit/);
    expect(body).not.toContain("imagectl.seed");
    await expect.poll(() => bastion.log()).toMatch(/node1 +not armed: was sent to its local disk/);
  });

  test("another machine cannot fetch a node's script", async () => {
    expect((await stranger.http("GET", scriptUrl)).status).toBe(403);
  });

  test("an operator's verbs are not among a node's routes", async () => {
    expect((await node.http("POST", `http://${lab.bastion}:8080/arm`, { nodes: ["node1"] })).status).toBe(
      404,
    );
  });

  test("a second server is refused by name and touches nothing", async () => {
    const answer = await bastion.imagectl(["serve", "--cluster", cluster.file], { okExitCodes: [1] });
    expect(answer.stderr).toContain("SERVER_ALREADY_RUNNING");
    expect(await stageOfNode()).toBeUndefined();
  });
});

describe("one node, from arming to deployed, through a crash of the server", () => {
  let seedUrl: string;
  let hash: string;

  test("a node without its recovery password is not armed; the hint makes it", async () => {
    const refused = await bastion.imagectl(["arm", lab.node.name], { okExitCodes: [2] });
    expect(refused.stderr).toContain("Make it: sudo imagectl recovery new node1");
    const sheet = join(scratch.folder("sheet"), "node1.txt");
    await bastion.imagectl(["recovery", "new", "node1", "--cluster", cluster.file, "--out", sheet]);
    hash = readFileSync(join(state, "secrets/node1/recovery-hash"), "utf8").trim();
    expect(hash).toMatch(/^\$y\$/);
  });

  test("arming freezes plan and image, and says so; again it says that it is armed", async () => {
    const { stdout } = await bastion.imagectl(["arm", lab.node.name, "--deadline", "1h", "--json"]);
    const [answer] = JSON.parse(stdout) as ArmAnswer[];
    expect(answer).toMatchObject({ node: "node1", isNew: true, image: { os: "debian-12" } });
    expect(answer?.attempt.planSha256).toMatch(/^[0-9a-f]{64}$/);
    expect((await bastion.imagectl(["arm", lab.node.name])).stdout).toContain("already armed (armed)");
  });

  test("its firmware's question becomes an event", async () => {
    expect((await askDhcp(node)).exitCode).toBe(0);
    await expect.poll(eventsOfNode).toContain("asks what to boot: offered undionly.kpxe");
    expect(await stageOfNode()).toBe("network-boot");
  });

  test("an initrd with one flipped byte is not sent, and the attempt says why", async () => {
    const store = openStore(statePaths({ IMAGECTL_STATE: state }).store);
    const { manifest } = (await store.list()).images[0] as Image;
    const initrd = manifest.artefacts.find(({ name }) => name === "initrd.img")?.sha256 as string;
    const whole = readFileSync(store.blobPath(initrd));
    const damaged = Buffer.from(whole);
    damaged[3] = (damaged[3] as number) ^ 1;
    writeFileSync(store.blobPath(initrd), damaged);
    const { body } = await node.http("GET", scriptUrl);
    expect(body).toContain("the bastion cannot serve its deploy");
    expect(body).not.toContain("/seed/");
    expect(await eventsOfNode()).toContain("initrd.img: its blob has SHA-256");
    writeFileSync(store.blobPath(initrd), whole);
    // It is not read again for every node that asks.
    await expect
      .poll(async () => (await node.http("GET", scriptUrl)).body, { timeout: 40_000, interval: 1_000 })
      .toContain("/seed/");
  });

  test("the deploy script carries a token; the one of an older script is dead", async () => {
    const first = seedUrlOf((await node.http("GET", scriptUrl)).body);
    const { body } = await node.http("GET", scriptUrl);
    seedUrl = seedUrlOf(body);
    expect(seedUrl).not.toBe(first);
    expect(body).toContain(`imagectl.address=${lab.node.address}/24 imagectl.mac=${lab.node.mac}`);
    expect((await fakeSession(node, first).ask("POST", "redeem")).status).toBe(410);
    expect(readFileSync(join(state, "imagectl.sqlite")).includes(seedUrl.split("/").at(-1) as string)).toBe(
      false,
    );
  });

  test("the artefacts that the script names are served", async () => {
    const { body } = await node.http("GET", scriptUrl);
    seedUrl = seedUrlOf(body);
    const kernel = /http:\/\/10\.77\.0\.1:8081\/artefacts\/[0-9a-f]{64}/.exec(body)?.[0];
    expect(await node.http("GET", kernel as string)).toEqual({ status: 200, body: "the bytes of vmlinuz\n" });
  });

  test("the whole protocol, with kill -9 of the server after each request", async () => {
    const session = fakeSession(node, seedUrl);
    const crash = async (): Promise<void> => {
      await bastion.stop("SIGKILL");
      await bastion.start();
    };
    expect((await session.ask("POST", "redeem")).body).toBe("node1\n");
    await crash();
    expect((await session.ask("POST", "redeem")).status).toBe(200);
    expect((await fakeSession(node, seedUrl).ask("POST", "redeem")).status, "another key").toBe(410);
    expect((await fakeSession(stranger, seedUrl).ask("POST", "redeem")).status, "another address").toBe(410);

    const steps = await session.ask("POST", "inventory", inventory);
    expect(steps.status).toBe(200);
    const lines = steps.body.trim().split("\n");
    expect(lines[0]).toBe("set-clock");
    expect(lines).toContain("wipe-disk disk=/dev/vda");
    await crash();

    const { body: overlay } = await session.ask("GET", "overlay.tar");
    expect(overlay).toContain("imagectl/apply");
    expect(overlay).toContain(hash);
    const sha256 = /apply-overlay sha256=([0-9a-f]{64})/.exec(steps.body)?.[1];
    expect(sha256).toBeDefined();
    const events = [
      { kind: "step-started", index: 1, total: lines.length, step: "set-clock" },
      { kind: "step-finished", index: 1, seconds: 0.1 },
      { kind: "step-started", index: 6, total: lines.length, step: "stream-root" },
      { kind: "step-progress", index: 6, bytes: 500, totalBytes: 1000, bytesPerSecond: 100 },
    ];
    for (const body of events) expect((await session.ask("POST", "events", body)).status).toBe(200);
    await crash();
    expect(await stageOfNode()).toBe("deploying");

    const keyFile = join(scratch.folder("host-key"), "key");
    await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "root@node1", "-f", keyFile]);
    const hostKey = readFileSync(`${keyFile}.pub`, "utf8");
    const certificate = await session.ask("POST", "host-key", hostKey);
    writeFileSync(`${keyFile}-cert.pub`, certificate.body);
    const { stdout } = await run("ssh-keygen", ["-L", "-f", `${keyFile}-cert.pub`]);
    expect(stdout).toMatch(/Principals:\s+node1\s+node1\.cluster\s+10\.77\.0\.11/);
    await crash();
    expect((await session.ask("POST", "host-key", hostKey)).body).toBe(certificate.body);

    const time = Number((await session.ask("GET", "clock")).body);
    expect(Math.abs(time - Date.now() / 1000)).toBeLessThan(10);
    expect((await session.ask("POST", "events", { kind: "deployed" })).status).toBe(200);
    await crash();
    expect((await session.ask("POST", "events", { kind: "deployed" })).status).toBe(200);
    expect((await session.ask("GET", "overlay.tar")).status).toBe(410);
    expect(await stageOfNode()).toBe("deployed");
  });

  test("the overlay had the hash, and neither the database nor the log nor any answer to an operator has it", async () => {
    const kept = readdirSync(state).filter((name) => name.startsWith("imagectl.sqlite"));
    expect(kept.length).toBeGreaterThan(0);
    for (const name of kept) expect(readFileSync(join(state, name)).includes(hash), name).toBe(false);
    const { stdout } = await bastion.imagectl(["plan", "node1", "--cluster", cluster.file, "--json"]);
    const events = await bastion.imagectl(["events", "node1", "--json"]);
    const said = [bastion.log(), stdout, events.stdout].join("\n");
    expect(said).toContain("[secret recovery-hash]");
    expect(said).not.toContain(hash);
  });

  test("the second power-on goes to the local disk", async () => {
    const { body } = await node.http("GET", scriptUrl);
    expect(body).not.toContain("imagectl.seed");
    expect(await stageOfNode()).toBe("restarting");
    expect(await eventsOfNode()).toContain("was sent to its local disk");
  });

  test("the events tell all of it, with the refused key, and the timeline where the time went", async () => {
    const events = await eventsOfNode();
    for (const part of [
      "REFUSED a seed request from 10.77.0.11: the token was already redeemed",
      "REFUSED a seed request from 10.77.0.99: the token belongs to another address",
      "is a a fake machine with 2 CPUs",
      "deployed: restarts into its own system",
    ]) {
      expect(events).toContain(part);
    }
    const { stdout } = await bastion.imagectl(["events", lab.node.name, "--timeline"]);
    expect(stdout).toMatch(/^network-boot +[0-9.]+ s$/m);
    expect(stdout).toMatch(/^ {2}1 set-clock +0\.1 s$/m);
  });

  test("apply and verify say what is missing on a node that does not answer", async () => {
    const applied = await bastion.imagectl(["apply", lab.node.name], { okExitCodes: [1] });
    expect(applied.stderr).toContain("COMMAND_FAILED");
    expect(applied.stderr).toContain("hint: ");
  });

  test("disarming ends it, a watch says so, and it can be armed again", async () => {
    await bastion.imagectl(["disarm", lab.node.name]);
    const watched = await bastion.imagectl(["watch", lab.node.name], { okExitCodes: [1], timeoutMs: 10_000 });
    expect(watched.stdout).toContain("disarmed");
    await bastion.imagectl(["arm", lab.node.name]);
    expect(await stageOfNode()).toBe("armed");
    await bastion.imagectl(["disarm", lab.node.name]);
    const again = await bastion.imagectl(["disarm", lab.node.name], { okExitCodes: [1] });
    expect(again.stderr).toContain("NODE_NOT_ARMED");
  });
});

describe("what the operator does wrong", () => {
  test("three tries without a deploy end the attempt; the fourth boot is from the disk", async () => {
    await bastion.imagectl(["arm", lab.node.name]);
    for (let round = 0; round < 3; round += 1) {
      const session = fakeSession(node, seedUrlOf((await node.http("GET", scriptUrl)).body));
      expect((await session.ask("POST", "redeem")).status).toBe(200);
    }
    expect((await node.http("GET", scriptUrl)).body).not.toContain("imagectl.seed");
    expect(await eventsOfNode()).toContain("attempt FAILED: 3 tries did not deploy the node");
  });

  test("the journal has the images and what became of the node", async () => {
    const { stdout } = await bastion.imagectl(["journal", "--since", "1h"]);
    expect(stdout).toMatch(/^- \d\d:\d\d: image [0-9a-f]{12} \(debian-12, golden\) was built/m);
    expect(stdout).toMatch(/^- \d\d:\d\d: node1 failed: 3 tries did not deploy the node/m);
    expect(stdout).toMatch(/^## Open\n\n- since .*: node1: 3 tries did not deploy the node/m);
    expect(stdout).toContain("Which alerts fire is not known");
  });

  test("a broken cluster file is logged, the last good one stays, and arming from it is refused", async () => {
    writeFileSync(cluster.file, `${readFileSync(cluster.file, "utf8")}nonsense: 1\n`);
    await expect.poll(() => bastion.log(), { timeout: 10_000 }).toContain("the last good one stays in use");
    expect((await askDhcp(node)).exitCode).toBe(0);
    const refused = await bastion.imagectl(["arm", lab.node.name], { okExitCodes: [2] });
    expect(refused.stderr).toContain("nonsense");
    cluster.rewrite(wholeCluster);
    await expect.poll(() => bastion.log(), { timeout: 10_000 }).toContain("was read again: 1 nodes");
  });

  test("an unknown name is refused with the nearest one", async () => {
    const answer = await bastion.imagectl(["arm", "node11"], { okExitCodes: [1, 2] });
    expect(answer.stderr).toContain("node1");
    expect(answer.stderr).toContain("NODE_UNKNOWN");
  });

  test("a command without a server says how to start it", async () => {
    await bastion.stop();
    const answer = await bastion.imagectl(["nodes"], { okExitCodes: [1] });
    expect(answer.stderr).toContain("imagectl serve is not running");
    expect(answer.stderr).toContain("sudo imagectl serve");
    await expect.poll(() => bastion.log()).toContain("SIGTERM: stopping");
  });
});
