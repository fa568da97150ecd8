/** A bastion in trouble: its database locked, its disks full, its image gone. Nothing acknowledged is lost. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { NodeEvent } from "../../src/nodes/event.ts";
import { packageRoot } from "../../src/paths.ts";
import { start } from "../../src/run.ts";
import { type FakeSession, fakeSession, inventory, scriptUrl, seedUrlOf } from "../support/fake-node.ts";
import { imagectl } from "../support/image.ts";
import { lab } from "../support/lab-cluster.ts";
import { openServedLab, type ServedLab } from "../support/served-lab.ts";

const node = lab.node.name;
let served: ServedLab;
let session: FakeSession;
/** Indices of the steps whose start the server said it had noted. */
const acknowledged: number[] = [];
let nextStep = 1;

beforeAll(async () => {
  served = await openServedLab(24);
  await served.bastion.start();
  await served.bastion.imagectl(["arm", node]);
  session = fakeSession(served.node, seedUrlOf((await served.node.http("GET", scriptUrl)).body));
  expect((await session.ask("POST", "redeem")).status).toBe(200);
  expect((await session.ask("POST", "inventory", inventory)).status).toBe(200);
});
afterAll(() => served?.close());

async function events(): Promise<readonly NodeEvent[]> {
  const { stdout } = await served.bastion.imagectl(["events", node, "--json"]);
  return JSON.parse(stdout) as NodeEvent[];
}

/** Reports the next step once. @returns the server's status. */
async function report(): Promise<number> {
  const event = { kind: "step-started", index: nextStep, total: 400, step: "stream-root" };
  const { status } = await session.ask("POST", "events", event);
  if (status === 200) {
    acknowledged.push(nextStep);
    nextStep += 1;
  }
  return status;
}

/** Every report that was answered with 200 is there, once, in order. */
async function expectNothingLost(): Promise<void> {
  const noted = (await events()).flatMap(({ body }) => (body.kind === "step-started" ? [body.index] : []));
  expect(noted).toEqual(acknowledged);
}

function askDhcp() {
  const asPxe = ["-V", "PXEClient:Arch:00000:UNDI:002001", "-x", "0x5d:0000"];
  const words = ["udhcpc", "-i", "eth0", "-n", "-q", "-t", "3", "-T", "2", "-s", "/bin/true", ...asPxe];
  return served.node.run(["busybox", ...words], 20_000);
}

/** Another process takes the database's write lock; returns when it has it. @param seconds for how long. */
async function lockDatabase(seconds: number): Promise<{ readonly released: Promise<unknown> }> {
  const script = `const { DatabaseSync } = require("node:sqlite");
    const database = new DatabaseSync(process.argv[1]);
    database.exec("BEGIN IMMEDIATE");
    console.log("locked");
    setTimeout(() => database.exec("ROLLBACK"), Number(process.argv[2]) * 1000);`;
  const [program, ...enter] = served.network.bastion.enter;
  const locked = Promise.withResolvers<void>();
  const holder = start(
    program,
    [...enter, process.execPath, "-e", script, `${served.state}/imagectl.sqlite`, String(seconds)],
    { onLine: (line) => line === "locked" && locked.resolve() },
  );
  await Promise.race([locked.promise, holder.exited.then(() => locked.reject(new Error("it got no lock")))]);
  return { released: holder.exited };
}

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return (performance.now() - startedMs) / 1000;
}

describe("another process locks the database", () => {
  test("for a second: the node's report waits and is taken", async () => {
    const { released } = await lockDatabase(1);
    expect(await report()).toBe(200);
    await released;
    await expectNothingLost();
  });

  test("for longer: 503 after two seconds, then at once, and DHCP is answered; later all is taken", async () => {
    const { released } = await lockDatabase(12);
    expect(await report()).toBe(503);
    expect(await secondsOf(async () => expect(await report()).toBe(503))).toBeLessThan(1.5);
    expect((await askDhcp()).exitCode).toBe(0);
    const { body } = await served.node.http("GET", scriptUrl);
    expect(body).toContain("asking again in 10 seconds");
    expect(body).toContain("locked by another process");
    await released;
    expect(await report()).toBe(200);
    await expectNothingLost();
  });

  test("a second server on the same state is refused, although it shares no socket with the first", async () => {
    const answer = await served.sh(
      `export IMAGECTL_RUN=$1/second
       unshare --net sh -euc 'ip link add eth1 type veth peer name eth2
         ip address add 10.77.0.1/24 dev eth1
         ip link set eth1 up
         ip link set eth2 up
         exec "$0" serve --cluster "$1"' "$2" "$3"`,
      [served.scratch.runtime, imagectl, served.cluster.file],
    );
    expect(answer.exitCode).toBe(1);
    expect(answer.stderr).toContain("SERVER_ALREADY_RUNNING");
    expect(answer.stderr).toContain(`works with ${served.state}`);
    expect(await report()).toBe(200);
  });
});

describe("the bastion's disk is full", () => {
  const fill = () =>
    served.sh('dd if=/dev/zero of="$1/filler" bs=4k 2>/dev/null || true; sync', [served.state]);
  const makeRoom = () => served.sh('rm "$1/filler"', [served.state]);

  test("reports get 507 and are repeated; DHCP, artefacts and operators are answered; room heals it", async () => {
    await fill();
    await expect.poll(report, { timeout: 60_000, interval: 20 }).toBe(507);
    expect((await askDhcp()).exitCode).toBe(0);
    const { body } = await served.node.http("GET", scriptUrl);
    expect(body).toContain("asking again in 10 seconds");
    expect(body).toContain("its disk is full");
    const { stdout: digest } = await served.sh('ls "$1/store/blobs/sha256" | head -n 1', [served.state]);
    const artefact = `http://${lab.bastion}:8081/artefacts/${digest.trim()}`;
    expect((await served.node.http("GET", artefact)).status).toBe(200);
    await expectNothingLost();
    await expect.poll(() => served.bastion.log()).toContain("[DATABASE_FULL]");

    await makeRoom();
    expect(await report()).toBe(200);
    await expectNothingLost();
  });

  test("an image does not fit: the build says where and what to do, and the store is as it was", async () => {
    const before = await served.bastion.imagectl(["images", "list", "--json"]);
    const build = await served.sh('"$1" build --os debian-12 --cluster "$2"', [
      imagectl,
      served.cluster.file,
    ]);
    expect(build.exitCode).toBe(1);
    expect(build.stderr).toContain(`${served.state}/store has`);
    expect(build.stderr).toContain("DISK_SPACE_LOW");
    expect(build.stderr).toContain("imagectl images prune");

    // A build that had room when it began.
    const addBlob = `const { openStore } = await import(process.argv[1]);
      await openStore(process.argv[2]).addBlob({ name: "root.tar.zst", path: process.argv[3] }).catch((error) => {
        console.log(error.code, error.message, error.hint);
      });`;
    const added = await served.sh(
      'head -c 60m /dev/zero >"$4/large"; "$1" --input-type=module -e "$2" "$3/src/store/store.ts" "$5" "$4/large"',
      [process.execPath, addBlob, packageRoot, served.scratch.folder("large"), `${served.state}/store`],
    );
    expect(added.stdout).toContain(`DISK_FULL the disk under ${served.state}/store is full`);
    expect(added.stdout).toContain("imagectl images prune");
    expect((await served.sh('ls "$1/store/tmp"', [served.state])).stdout).toBe("");
    expect(await served.bastion.imagectl(["images", "list", "--json"])).toEqual(before);
    expect((await served.bastion.imagectl(["images", "verify"])).exitCode).toBe(0);
    expect(await report()).toBe(200);
  });

  test("under its log: the server goes on, and says later how much was not said", async () => {
    await served.bastion.stop();
    const log = served.scratch.folder("log");
    const [program, ...enter] = served.network.bastion.enter;
    await served.sh('mount -t tmpfs -o size=256k tmpfs "$1"', [log]);
    const server = start(
      program,
      [
        ...enter,
        "sh",
        "-c",
        'exec "$0" serve --cluster "$1" >"$2/serve.log" 2>&1',
        imagectl,
        served.cluster.file,
        log,
      ],
      { env: served.environment, onLine: () => {} },
    );
    try {
      const logText = async () => (await served.sh('cat "$1/serve.log"', [log])).stdout;
      await expect.poll(logText, { timeout: 30_000 }).toContain("ready: for operators on");
      await served.sh('dd if=/dev/zero of="$1/filler" bs=1k 2>/dev/null || true', [log]);
      // More than what is left of the last page of 4 KiB.
      for (let lines = 0; lines < 120; lines += 1) expect(await report()).toBe(200);
      await served.sh('rm "$1/filler"', [log]);
      expect(await report()).toBe(200);
      await expect.poll(logText).toMatch(/warning: [0-9]+ lines of this log could not be written/);
      await expectNothingLost();
    } finally {
      server.stop();
      await server.exited;
      await served.bastion.start();
    }
  });
});

describe("the image is deleted while a node needs it", () => {
  const blobs = () =>
    served.sh('cd "$1/store/blobs/sha256" && grep -l "bytes of $2" *', [served.state, "root"]);
  const remove = async (): Promise<string> => {
    const digest = (await blobs()).stdout.trim();
    await served.sh('mv "$1/store/blobs/sha256/$2" "$1/kept"', [served.state, digest]);
    return digest;
  };
  const bringBack = (digest: string) =>
    served.sh('mv "$1/kept" "$1/store/blobs/sha256/$2"', [served.state, digest]);

  test("while it is deployed: 404, and the attempt names what is gone and the command, once", async () => {
    const digest = await remove();
    const url = `http://${lab.bastion}:8081/artefacts/${digest}`;
    for (let tries = 0; tries < 3; tries += 1) expect((await served.node.http("GET", url)).status).toBe(404);
    const failures = async () => (await events()).filter(({ body }) => body.kind === "server-failed");
    await expect
      .poll(async () => (await failures()).at(-1)?.body)
      .toMatchObject({
        request: "loading its image",
        message: "root.tar.zst is gone from the store; build it again: imagectl build --os debian-12",
      });
    const count = (await failures()).length;
    expect((await served.node.http("GET", url)).status).toBe(404);
    await sleep(500);
    expect(await failures()).toHaveLength(count);
    await bringBack(digest);
    expect((await served.node.http("GET", url)).status).toBe(200);
  });

  test("between arming and boot: no token, the console says why and asks again, and a build heals it", async () => {
    await served.bastion.imagectl(["disarm", node]);
    await served.bastion.imagectl(["arm", node]);
    const digest = await remove();
    // What was found whole is trusted for ten seconds.
    await sleep(10_500);
    const { body } = await served.node.http("GET", scriptUrl);
    expect(body).not.toContain("imagectl.seed");
    expect(body).toContain("root.tar.zst: its blob is missing from the store");
    await expect
      .poll(async () => (await events()).at(-1)?.body)
      .toMatchObject({
        kind: "server-failed",
        request: "the boot script",
      });
    await bringBack(digest);
    await expect
      .poll(async () => (await served.node.http("GET", scriptUrl)).body, { timeout: 15_000, interval: 1_000 })
      .toContain("imagectl.seed");
  });
});
