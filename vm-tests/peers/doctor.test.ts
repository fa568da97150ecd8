/** The doctor beside real DHCP servers: on the bastion itself, and at the other end of the cable. */
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { Answer } from "../../src/doctor/facts.ts";
import { type LabNetwork, openLabNetwork } from "../../src/lab/network.ts";
import { openScratch, type Scratch } from "../../src/lab/scratch.ts";
import { type Namespace, openNamespace } from "../../src/namespace.ts";
import { packageRoot } from "../../src/paths.ts";
import { run, type StartedProcess, start } from "../../src/run.ts";
import { cache } from "../support/image.ts";
import { type LabCluster, lab, makeLabCluster } from "../support/lab-cluster.ts";

const strangerMac = "52:54:00:77:00:99";

let scratch: Scratch;
let state: string;
let cluster: LabCluster;
let network: LabNetwork;
let stranger: Namespace;
const running: StartedProcess[] = [];

beforeAll(async () => {
  scratch = openScratch({ cache, pid: process.pid });
  state = scratch.folder("state");
  cluster = await makeLabCluster(scratch.folder("cluster"));
  network = await openLabNetwork({ ...lab, outsider: undefined });
  stranger = await openNamespace("stranger");
  await network.plug(stranger, "eth0", strangerMac);
  await stranger.ip("address", "add", "10.77.0.9/24", "dev", "eth0");
  await stranger.ip("link", "set", "dev", "eth0", "up");
});
afterEach(async () => {
  for (const each of running.splice(0)) {
    each.stop("SIGKILL");
    await each.exited;
  }
});
afterAll(async () => {
  await stranger.close();
  await network.close();
  scratch.close();
});

async function doctor(): Promise<{ readonly exitCode: number; readonly answers: readonly Answer[] }> {
  const [program, ...enter] = network.bastion.enter;
  const environment = {
    IMAGECTL_STATE: state,
    IMAGECTL_RUN: join(scratch.runtime, "run"),
    IMAGECTL_CACHE: cache,
  };
  const words = ["doctor", "--json", "--cluster", cluster.file];
  const { exitCode, stdout } = await run(program, [...enter, join(packageRoot, "bin/imagectl"), ...words], {
    env: environment,
    okExitCodes: [0, 2],
  });
  return { exitCode, answers: (JSON.parse(stdout) as { answers: Answer[] }).answers };
}

/** dnsmasq in the foreground, giving addresses of the lab's subnet on one interface. */
async function startDnsmasq(place: Namespace, interfaceName: string): Promise<StartedProcess> {
  let isReady = false;
  const [program, ...enter] = place.enter;
  const settings = [
    ...["--keep-in-foreground", "--log-facility=-", "--port=0", "--conf-file=/dev/null"],
    ...["--user=root", "--pid-file=", `--dhcp-leasefile=${scratch.folder("leases")}/leases`],
    ...["--bind-interfaces", `--interface=${interfaceName}`, "--dhcp-range=10.77.0.100,10.77.0.120,1h"],
  ];
  const started = start(program, [...enter, "dnsmasq", ...settings], {
    onLine: (line) => {
      isReady ||= line.includes("IP range");
    },
  });
  running.push(started);
  await expect.poll(() => isReady, { timeout: 10_000 }).toBe(true);
  return started;
}

const about = (answers: readonly Answer[], where: string) =>
  answers.filter((answer) => answer.where === where);

test("a folder of a node's secrets is private when only root may enter it, its values when only root may read them", async () => {
  const secrets = join(state, "secrets");
  const value = join(secrets, "node1/recovery-hash");
  mkdirSync(join(secrets, "node1"), { recursive: true, mode: 0o700 });
  writeFileSync(value, "x", { mode: 0o600 });
  const privacy = async () => (await doctor()).answers.find(({ where }) => where === "private files");
  expect(await privacy()).toMatchObject({ severity: "fine" });
  chmodSync(value, 0o644);
  expect(await privacy()).toMatchObject({ severity: "error", hint: `chmod 600 ${value}` });
  rmSync(secrets, { recursive: true });
});

test("a bastion without rivals is fine", async () => {
  const { answers } = await doctor();
  for (const where of ["root", "programs", "interface eth1", "other DHCP servers", "UDP 67 (DHCP)"]) {
    expect(about(answers, where), where).toMatchObject([{ severity: "fine" }]);
  }
});

test("a dnsmasq on the bastion is named as what it is, with its pid", async () => {
  const { pid } = await startDnsmasq(network.bastion, lab.bastionInterface);
  const { exitCode, answers } = await doctor();
  expect(exitCode).toBe(2);
  expect(about(answers, "UDP 67 (DHCP)")).toMatchObject([
    {
      severity: "error",
      code: "PORT_IN_USE",
      message: `dnsmasq (pid ${pid}) holds UDP 67 of ${lab.bastionInterface}`,
      hint: expect.stringMatching(/^(kill \d+|systemctl disable --now \S+\.service); or keep dnsmasq off/),
    },
  ]);
});

test("a dnsmasq on another machine is named by its address and its MAC", async () => {
  await startDnsmasq(stranger, "eth0");
  const { exitCode, answers } = await doctor();
  expect(exitCode).toBe(2);
  expect(about(answers, "UDP 67 (DHCP)")).toMatchObject([{ severity: "fine", message: "free" }]);
  expect(about(answers, "other DHCP servers")).toMatchObject([
    {
      code: "FOREIGN_DHCP_SERVER",
      message: `10.77.0.9 (${strangerMac}) answers on eth1; nodes would boot from either`,
      hint: expect.stringContaining("ip neigh show 10.77.0.9"),
    },
  ]);
});

test("an interface that is down is said so, with the command", async () => {
  await network.bastion.ip("link", "set", "dev", lab.bastionInterface, "down");
  try {
    const { answers } = await doctor();
    expect(about(answers, "interface eth1")).toMatchObject([
      { code: "INTERFACE_UNUSABLE", hint: expect.stringMatching(/^sudo ip link set eth1 up;/) },
    ]);
  } finally {
    await network.bastion.ip("link", "set", "dev", lab.bastionInterface, "up");
  }
});
