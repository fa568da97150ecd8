/** The board of the real server: asked of a node with the real exporter's metrics, seen by people with an account and nobody else. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { Board } from "../../src/board/board.ts";
import { ensureKeys } from "../../src/keys.ts";
import { LabBastion } from "../../src/lab/lab-bastion.ts";
import { type LabNetwork, openLabNetwork } from "../../src/lab/network.ts";
import { openScratch, type Scratch } from "../../src/lab/scratch.ts";
import { dyingWithUs } from "../../src/namespace.ts";
import { packageRoot, statePaths } from "../../src/paths.ts";
import { anyExitCode, run, type StartedProcess, start } from "../../src/run.ts";
import { type FakeNode, plugFakeNode } from "../support/fake-node.ts";
import { busy, busyRow, GpuAnswers, idleRow } from "../support/gpu-answers.ts";
import { cache } from "../support/image.ts";
import { lab, makeLabCluster, standardRoles, wholeCluster } from "../support/lab-cluster.ts";

const gpus = new GpuAnswers();
let scratch: Scratch;
let network: LabNetwork;
let bastion: LabBastion;
let node: FakeNode;
let exporter: StartedProcess | undefined;
let folder: string;

/** What the node's metrics say from now on. */
function say(text: string): void {
  writeFileSync(join(folder, "metrics"), text);
}

/** As somebody who has an account on the bastion, and no rights there. */
async function asUser(words: readonly string[]) {
  const [program, ...enter] = network.bastion.enter;
  const nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
  return run(program, [...enter, ...nobody, ...words], { okExitCodes: anyExitCode, timeoutMs: 30_000 });
}

async function board(): Promise<Board> {
  const { stdout } = await asUser([
    "curl",
    "--silent",
    "--max-time",
    "20",
    "http://127.0.0.1:8082/gpus.json",
  ]);
  return JSON.parse(stdout) as Board;
}

const statesNow = async (): Promise<string[]> =>
  (await board()).nodes.flatMap(({ node: name, gpus: cards }) =>
    cards.map(({ state }) => `${name} ${state}`),
  );

beforeAll(async () => {
  scratch = openScratch({ cache, pid: process.pid });
  const state = scratch.folder("state");
  folder = scratch.folder("metrics");
  const cluster = await makeLabCluster(scratch.folder("cluster"), {
    ...wholeCluster,
    roles: [...standardRoles, "node-exporter", "gpu-exporter"],
    otherNodes: [{ name: "node2", mac: "52:54:00:77:00:12", address: "10.77.0.12" }],
  });
  await ensureKeys(statePaths({ IMAGECTL_STATE: state }).keys);
  network = await openLabNetwork({ ...lab, outsider: undefined });
  bastion = new LabBastion({
    place: network.bastion,
    clusterFile: cluster.file,
    environment: { IMAGECTL_STATE: state, IMAGECTL_RUN: scratch.runtime },
    onLine: () => {},
  });
  await bastion.start();
  node = await plugFakeNode(network, lab.node);
  const pid = await gpus.startAs(65_534, "train.py");
  const { text } = await gpus.metricsOf(
    { gpus: `${idleRow}\n${busyRow}`, processes: `${busy}, ${pid}, 16384` },
    3,
  );
  say(text);
  const [program, ...enter] = [...dyingWithUs, ...node.place.enter] as const;
  exporter = start(program, [...enter, "busybox", "httpd", "-f", "-p", "9100", "-h", folder], {
    onLine: () => {},
  });
  await vi.waitUntil(
    async () => (await node.http("GET", "http://127.0.0.1:9100/metrics")).status === 200,
    20_000,
  );
});

afterAll(async () => {
  exporter?.stop("SIGKILL");
  await exporter?.exited;
  await bastion?.stop();
  await node?.close();
  await network?.close();
  await gpus.close();
  scratch?.close();
});

test("a user sees which GPUs are free, who has the others since when, and which does not answer", async () => {
  const { stdout, exitCode } = await asUser([join(packageRoot, "bin/imagectl"), "gpus"]);
  expect(exitCode).toBe(0);
  const lines = stdout.split("\n").map((line) => line.replaceAll(/ {2,}/g, " | "));
  expect(lines).toEqual([
    "NODE | GPU | STATE | MODEL | USE | WHO",
    "node1 | 0 | free | NVIDIA H200 | 0 %, 57.7 MB of 151 GB, 28 °C",
    expect.stringMatching(
      /^node1 \| 1 \| busy \| NVIDIA H200 \| 97 %, 17\.8 GB of 151 GB, 66 °C \| nobody: train\.py for \d+(\.\d)? s$/,
    ),
    "node1 | - | unusable | does not answer",
    "",
    "node2 does not answer",
    "1 of 3 GPUs is free",
    "",
  ]);
});

test("the page says the same, and brings no script", async () => {
  const { stdout } = await asUser(["curl", "--silent", "--include", "http://127.0.0.1:8082/"]);
  expect(stdout).toContain("<h1>1 of 3 GPUs is free</h1>");
  expect(stdout).toMatch(/<b>nobody<\/b> <span>train\.py<\/span>/);
  expect(stdout).toMatch(/content-security-policy: default-src 'none'/i);
});

test("whoever has no account on the bastion sees nothing of it", async () => {
  expect((await node.http("GET", `http://${lab.bastion}:8082/gpus.json`)).status).toBe(0);
});

test("what the node said too long ago, or cannot say, is not free", async () => {
  const old = Math.floor(Date.now() / 1000) - 600;
  const { text } = await gpus.metricsOf({ gpus: idleRow });
  say(
    text.replace(/^imagectl_gpu_query_timestamp_seconds .*$/m, `imagectl_gpu_query_timestamp_seconds ${old}`),
  );
  await expect.poll(statesNow, { timeout: 20_000, interval: 1_000 }).toEqual(["node1 unknown"]);
  say((await gpus.metricsOf({ gpus: idleRow, before: ["compute-apps", "exit 9"] })).text);
  await expect.poll(statesNow, { timeout: 20_000, interval: 1_000 }).toEqual(["node1 unknown"]);
  say((await gpus.metricsOf({ gpus: idleRow })).text);
  await expect.poll(statesNow, { timeout: 20_000, interval: 1_000 }).toEqual(["node1 free"]);
});

test("a server whose port is taken says so, and installs nodes all the same", async () => {
  await bastion.stop();
  const [program, ...enter] = [...dyingWithUs, ...network.bastion.enter] as const;
  const other = start(program, [...enter, "busybox", "httpd", "-f", "-p", "127.0.0.1:8082", "-h", folder], {
    onLine: () => {},
  });
  try {
    await bastion.start();
    expect(bastion.log()).toMatch(/no page of GPUs: cannot listen on TCP 8082 of 127\.0\.0\.1 .*ss -ltnp/);
    const { stderr, exitCode } = await asUser([join(packageRoot, "bin/imagectl"), "gpus"]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/8082.* gave no board: .*SERVER_ANSWER_MALFORMED/);
  } finally {
    other.stop("SIGKILL");
    await other.exited;
  }
});
