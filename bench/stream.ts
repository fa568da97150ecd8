/**
 * The deploy stream beside a bare `curl | zstd -d | tar -x` of the same artefact: what verifying costs.
 * Usage: node bench/stream.ts ROOT.tar.zst [RUNS] (as root, since owners are kept; default 5)
 * Both unpack into a folder of the same disk, one after the other, and take turns at going first.
 */
import { createHash } from "node:crypto";
import { copyFileSync, createReadStream, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { Ipv4Address } from "../src/address.ts";
import { cacheDirectory } from "../src/paths.ts";
import { formatBytes } from "../src/quantity.ts";
import { run } from "../src/run.ts";
import { startArtefactWorkers } from "../src/serve/artefact-workers.ts";
import { openAgentShell } from "../vm-tests/support/agent-shell.ts";
import { median } from "./median.ts";

const [file, runsText = "5"] = process.argv.slice(2);
const runs = Number(runsText);
if (file === undefined || !Number.isInteger(runs) || runs < 1) {
  throw new Error("usage: node bench/stream.ts ROOT.tar.zst [RUNS]");
}
const root = resolve(file);

async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest("hex");
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return (performance.now() - startedMs) / 1000;
}

mkdirSync(cacheDirectory(process.env), { recursive: true });
const scratch = mkdtempSync(join(cacheDirectory(process.env), "bench-stream-"));
const sha256 = await sha256Of(root);
const bytes = statSync(root).size;
const blobDirectory = join(scratch, "blobs");
mkdirSync(blobDirectory, { mode: 0o755 });
copyFileSync(root, join(blobDirectory, sha256));
const port = await freePort();
const workers = await startArtefactWorkers({
  onMissing: () => {},
  blobDirectory,
  address: Ipv4Address.parse("127.0.0.1"),
  port,
  count: 1,
  log: console.log,
});
const artefacts = `http://127.0.0.1:${port}/artefacts`;

async function bare(): Promise<number> {
  const target = join(scratch, "bare");
  mkdirSync(target);
  const pipe = 'curl -sSf "$0" | zstd -dcq | tar -x -C "$1" --numeric-owner';
  const taken = await seconds(() => run("sh", ["-c", pipe, `${artefacts}/${sha256}`, target]));
  rmSync(target, { recursive: true });
  return taken;
}

async function deployed(): Promise<number> {
  const shell = openAgentShell(scratch);
  const taken = await seconds(async () => {
    const step = { artefacts, sha256, bytes, step_index: 1 };
    const { exitCode, stdout, stderr } = await shell.run("stream_root", step);
    if (exitCode !== 0) throw new Error(stdout + stderr);
  });
  shell.close();
  return taken;
}

try {
  const bareSeconds: number[] = [];
  const deploySeconds: number[] = [];
  for (let index = 0; index < runs; index += 1) {
    if (index % 2 === 0) bareSeconds.push(await bare());
    deploySeconds.push(await deployed());
    if (index % 2 === 1) bareSeconds.push(await bare());
  }
  const [bareMedian, deployMedian] = [median(bareSeconds), median(deploySeconds)];
  console.log(`${runs} runs of ${formatBytes(bytes)} compressed, medians, wall seconds`);
  console.log(`bare curl | zstd -d | tar -x: ${bareMedian.toFixed(2)}`);
  console.log(`deploy stream, verified:      ${deployMedian.toFixed(2)}`);
  console.log(`speed against bare:           ${(bareMedian / deployMedian).toFixed(2)} x (goal 0.9)`);
} finally {
  await workers.stop();
  rmSync(scratch, { recursive: true });
}
