/**
 * Our TFTP server beside npm's and those of the system, over a clean wire and one that loses 1 %.
 * Usage: node bench/tftp.ts [RUNS] [SCENARIO] (as root; default 3, all). Servers that are not installed are left out.
 * Each row is the median of the runs; servers take turns, so that a busy minute hits all of them. The clients take
 * their share of the same cores. tftpd-hpa works in children whose CPU time is not counted.
 */
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openLabNetwork } from "../src/lab/network.ts";
import { type Namespace, openNamespace } from "../src/namespace.ts";
import { packageRoot } from "../src/paths.ts";
import { run, start } from "../src/run.ts";
import { median } from "./median.ts";

const [runsText = "3", wanted = ""] = process.argv.slice(2);
const runs = Number(runsText);
if (!Number.isInteger(runs) || runs < 1) throw new Error("usage: node bench/tftp.ts [RUNS] [SCENARIO]");

const address = "10.77.0.1";
const file = "boot.bin";
const bytes = 1_000_000;
const directory = mkdtempSync(join(tmpdir(), "bench-tftp-"));
const content = randomBytes(bytes);
writeFileSync(join(directory, file), content);
await run("chmod", ["-R", "a+rX", directory]);
const sha256 = createHash("sha256").update(content).digest("hex");

const ourServer = join(packageRoot, "bench/tftp-server.ts");
const dnsmasq = [
  "--no-daemon",
  "--port=0",
  "--conf-file=/dev/null",
  "--enable-tftp",
  "--user=root",
  "--tftp-max=512",
];
const servers: Readonly<Record<string, readonly [string, ...string[]]>> = {
  imagectl: [process.execPath, ourServer, "ours", address, directory, file],
  "npm tftp": [process.execPath, ourServer, "npm", address, directory, file],
  "tftpd-hpa": ["in.tftpd", "-L", "-u", "root", "-a", `${address}:69`, "-s", directory],
  atftpd: ["atftpd", "--daemon", "--no-fork", "--maxthread", "512", "--bind-address", address, directory],
  dnsmasq: ["dnsmasq", ...dnsmasq, `--tftp-root=${directory}`],
};
const scenarios = [
  { name: "100 clients", clients: 100, windowBlocks: 1, lossPercent: 0 },
  { name: "100 clients, window 16", clients: 100, windowBlocks: 16, lossPercent: 0 },
  { name: "10 clients, 1 % lost", clients: 10, windowBlocks: 1, lossPercent: 1 },
  { name: "10 clients, 1 % lost, window 16", clients: 10, windowBlocks: 16, lossPercent: 1 },
] as const;

type Result = {
  readonly seconds: number;
  readonly whole: number;
  readonly failed: number;
  readonly cpuSeconds: number;
};

async function isInstalled(program: string): Promise<boolean> {
  const script = 'command -v "$1" >/dev/null';
  return (await run("sh", ["-c", script, "sh", program], { okExitCodes: [0, 1, 127] })).exitCode === 0;
}

/** Netfilter drops at random what arrives (a sender would be told): not every kernel has netem. */
async function lose(machine: Namespace, percent: number): Promise<void> {
  const rule = `meta l4proto udp numgen random mod 100 < ${percent} drop`;
  const table = `table ip lossy {\n chain arrive {\n type filter hook input priority 0;\n ${rule}\n }\n}\n`;
  const input = `flush ruleset\n${percent === 0 ? "" : table}`;
  await run(machine.enter[0], [...machine.enter.slice(1), "nft", "-f", "-"], { input });
}

/** proc_pid_stat(5): fields 14 and 15, and those of ended children (16, 17), in ticks of 10 ms. */
function cpuSecondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / 100;
}

async function measure(
  bastion: Namespace,
  client: Namespace,
  server: readonly string[],
  scenario: (typeof scenarios)[number],
): Promise<Result> {
  const started = start(bastion.enter[0], [...bastion.enter.slice(1), ...server], { onLine: () => {} });
  try {
    await sleep(1_000);
    for (const machine of [bastion, client]) await lose(machine, scenario.lossPercent);
    const program = join(packageRoot, "bench/tftp-clients.ts");
    const words = [
      process.execPath,
      program,
      address,
      file,
      sha256,
      String(scenario.clients),
      String(scenario.windowBlocks),
    ];
    const { stdout } = await run(client.enter[0], [...client.enter.slice(1), ...words], {
      timeoutMs: 300_000,
    });
    return { ...(JSON.parse(stdout) as Omit<Result, "cpuSeconds">), cpuSeconds: cpuSecondsOf(started.pid) };
  } finally {
    started.stop("SIGKILL");
    // Servers that fork leave children behind, which hold its output open until they give up their client.
    await Promise.race([started.exited, sleep(2_000)]);
  }
}

process.env.PATH = [process.env.PATH, "/usr/sbin"].join(delimiter);
const network = await openLabNetwork({
  bastion: address,
  outsider: undefined,
  prefixLength: 24,
  bastionInterface: "eth0",
});
const client = await openNamespace("client");
try {
  await network.plug(client, "eth0", "52:54:00:77:00:11");
  await client.ip("link", "set", "dev", "eth0", "up");
  await client.ip("address", "add", "10.77.0.11/24", "dev", "eth0");
  const present = await Promise.all(
    Object.keys(servers).map(async (name) => ({
      name,
      isThere: await isInstalled((servers[name] as [string])[0]),
    })),
  );
  const names = present.filter(({ isThere }) => isThere).map(({ name }) => name);
  for (const { name, isThere } of present) if (!isThere) console.log(`${name} is not installed`);
  console.log(`| MB/s of 1 MB files (median of ${runs}) | ${names.join(" | ")} |`);
  console.log(`|---|${names.map(() => "---").join("|")}|`);
  for (const scenario of scenarios.filter(({ name }) => name.includes(wanted))) {
    const results = new Map<string, Result[]>(names.map((name) => [name, []]));
    for (let turn = 0; turn < runs; turn += 1) {
      for (const name of names) {
        const server = servers[name] as readonly string[];
        const result = await measure(network.bastion, client, server, scenario);
        results.get(name)?.push(result);
        console.error(`${scenario.name}, ${name}: ${result.seconds.toFixed(1)} s, ${result.failed} failed`);
      }
    }
    const cells = names.map((name) => {
      const all = results.get(name) as Result[];
      const rate = median(all.map(({ seconds, whole }) => (whole * bytes) / 1e6 / seconds));
      const cpu = median(all.map(({ cpuSeconds, whole }) => (cpuSeconds * 1e9) / (whole * bytes)));
      const failed = all.reduce((sum, result) => sum + result.failed, 0);
      return `${rate.toFixed(rate < 10 ? 2 : 0)} (${cpu.toFixed(1)} CPU s/GB)${failed === 0 ? "" : `, ${failed} failed`}`;
    });
    console.log(`| ${scenario.name} | ${cells.join(" | ")} |`);
  }
} finally {
  await client.close();
  await network.close();
  rmSync(directory, { recursive: true });
}
