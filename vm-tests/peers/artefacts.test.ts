/** Artefact workers as they run in production: several processes on one port, without rights, replaced when they die. */
import { createHash, randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Ipv4Address } from "../../src/address.ts";
import { run, start } from "../../src/run.ts";
import { type ArtefactWorkers, startArtefactWorkers } from "../../src/serve/artefact-workers.ts";

const address = Ipv4Address.parse("127.0.0.1");
const port = 18_081;
const content = randomBytes(40_000_000);
const digest = createHash("sha256").update(content).digest("hex");
const url = `http://${address}:${port}/artefacts/${digest}`;

let directory: string;
let blobDirectory: string;
let workers: ArtefactWorkers;
const logged: string[] = [];
const missed: [string, string][] = [];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "artefacts-"));
  chmodSync(directory, 0o755);
  blobDirectory = join(directory, "blobs");
  mkdirSync(blobDirectory);
  writeFileSync(join(blobDirectory, digest), content);
  workers = await startArtefactWorkers({
    blobDirectory,
    address,
    port,
    count: 2,
    onMissing: (sha256, client) => missed.push([sha256, client]),
    log: (line) => logged.push(line),
  });
});
afterAll(async () => {
  await workers.stop();
  rmSync(directory, { recursive: true });
});

const curl = async (...words: string[]) =>
  (await run("curl", ["-sS", "--fail", "--max-time", "60", ...words])).stdout;
const isRunning = (pid: number) => existsSync(`/proc/${pid}`);
async function until(what: string, isSo: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500; tries += 1) {
    if (isSo()) return;
    await sleep(20);
  }
  throw new Error(`${what} did not happen; logged: ${logged.join(" / ")}`);
}

describe("workers", () => {
  test("an artefact that is deleted in mid-stream comes whole; who comes later gets 404 and is told on", async () => {
    const copy = createHash("sha256").update("a copy").digest("hex");
    writeFileSync(join(blobDirectory, copy), content);
    const slow = curl("--limit-rate", "20M", "--output", join(directory, "taken"), url.replace(digest, copy));
    await until("the stream", () => existsSync(join(directory, "taken")));
    rmSync(join(blobDirectory, copy));
    await slow;
    expect(
      createHash("sha256")
        .update(readFileSync(join(directory, "taken")))
        .digest("hex"),
    ).toBe(digest);
    await expect(curl(url.replace(digest, copy))).rejects.toThrow("404");
    await until("the telling", () => missed.length > 0);
    expect(missed).toEqual([[copy, "127.0.0.1"]]);
  });

  test("listen on one port with no rights at all", async () => {
    const { stdout } = await run("ss", ["-Hltnp", `sport = :${port}`]);
    const pids = [...stdout.matchAll(/pid=(\d+)/g)].map((match) => Number(match[1])).sort();
    expect(pids).toEqual([...workers.pids()].sort());
    expect(pids.length).toBe(2);
    for (const pid of pids) {
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      expect(status).toMatch(/^Uid:\t65534\t65534\t65534\t65534$/m);
      expect(status).toMatch(/^Gid:\t65534\t65534\t65534\t65534$/m);
      expect(status).toMatch(/^Groups:\t *$/m);
      expect(status).toMatch(/^CapEff:\t0+$/m);
    }
  });

  test("serve twenty clients at once, each the right bytes", async () => {
    const sums = await Promise.all(
      Array.from({ length: 20 }, async () =>
        (await run("sh", ["-c", `curl -sS --fail ${url} | sha256sum`])).stdout.slice(0, 64),
      ),
    );
    expect(new Set(sums)).toEqual(new Set([digest]));
  });

  test("let curl continue where it was interrupted", async () => {
    const path = join(directory, "part");
    writeFileSync(path, content.subarray(0, 12_345_678));
    const counted = await curl("-C", "-", "-o", path, "-w", "%{http_code} %{size_download}", url);
    expect(counted).toBe(`206 ${content.length - 12_345_678}`);
    expect(createHash("sha256").update(readFileSync(path)).digest("hex")).toBe(digest);
  });

  test("one that is killed is replaced, and clients go on meanwhile", async () => {
    const before = workers.pids();
    const [victim] = before;
    process.kill(victim as number, "SIGKILL");
    const path = join(directory, "meanwhile");
    await curl("--retry", "20", "--retry-delay", "0", "--retry-all-errors", "-C", "-", "-o", path, url);
    expect(createHash("sha256").update(readFileSync(path)).digest("hex")).toBe(digest);
    await until(
      "a successor",
      () => workers.pids().length === 2 && !workers.pids().includes(victim as number),
    );
    expect(logged.join("\n")).toContain(`artefact worker ${victim} ended (SIGKILL), starting another`);
  });
});

test("an artefact that nobody may read is our failure: 503 and a line that says so", async () => {
  const hidden = "f".repeat(64);
  writeFileSync(join(blobDirectory, hidden), "hidden", { mode: 0o600 });
  const { stdout } = await run("curl", [
    "-sS",
    "-o",
    "/dev/null",
    "-w",
    "%{http_code}",
    url.replace(digest, hidden),
  ]);
  expect(stdout).toBe("503");
  await until("the line", () => logged.some((line) => line.includes("EACCES")));
});

test("a port in use is an error with what to do", async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(18_082, address, resolve));
  try {
    await expect(
      startArtefactWorkers({
        blobDirectory,
        address,
        port: 18_082,
        count: 1,
        onMissing: () => {},
        log: () => {},
      }),
    ).rejects.toMatchObject({
      code: "ARTEFACT_WORKER_FAILED",
      hint: expect.stringContaining("sport = :18082"),
    });
  } finally {
    other.close();
  }
});

test("workers end with the server that was killed, but a stream that runs goes on to its end", async () => {
  const program = join(directory, "parent.ts");
  const module = join(import.meta.dirname, "../../src/serve/artefact-workers.ts");
  const options = { blobDirectory, address, port: 18_083, count: 2 };
  writeFileSync(
    program,
    `import { startArtefactWorkers } from ${JSON.stringify(module)};
const workers = await startArtefactWorkers({ ...${JSON.stringify(options)}, onMissing: () => {}, log: () => {} });
console.log(workers.pids().join(" "));
setInterval(() => {}, 1000);\n`,
  );
  const said: string[] = [];
  const parent = start(process.execPath, [program], { onLine: (line) => said.push(line) });
  await until("the workers", () => said.length > 0);
  const pids = (said[0] as string).split(" ").map(Number);
  expect(pids.filter(isRunning).length).toBe(2);
  const path = join(directory, "slow");
  const stream = curl("--limit-rate", "10M", "-o", path, url.replace(String(port), String(options.port)));
  await until("the stream", () => existsSync(path));
  parent.stop("SIGKILL");
  await parent.exited;
  await until("the end of the idle one", () => pids.filter(isRunning).length === 1);
  await stream;
  expect(createHash("sha256").update(readFileSync(path)).digest("hex")).toBe(digest);
  await until("the end of the other", () => pids.filter(isRunning).length === 0);
});
