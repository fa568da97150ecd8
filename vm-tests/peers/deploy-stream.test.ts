/** The agent's stream against servers that break: resumed at the byte where it broke, whole or refused. */
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { type AgentShell, openAgentShell } from "../support/agent-shell.ts";

let archive: Buffer;
let content: Buffer;
let sha256: string;
let shell: AgentShell;
let server: Server | undefined;
/** First byte asked for by each request. */
let asked: number[];

beforeAll(() => {
  const folder = mkdtempSync(join(tmpdir(), "imagectl-root-"));
  mkdirSync(join(folder, "root/usr/bin"), { recursive: true });
  // Random bytes cannot be compressed away: the archive is as large as the file.
  content = randomBytes(3_000_000);
  writeFileSync(join(folder, "root/usr/bin/program"), content, { mode: 0o4755 });
  archive = execFileSync("sh", ["-c", "tar --create --directory root . | zstd -3 --quiet"], {
    cwd: folder,
    maxBuffer: 2 ** 26,
  });
  sha256 = createHash("sha256").update(archive).digest("hex");
  rmSync(folder, { recursive: true });
});

beforeEach(() => {
  shell = openAgentShell();
  asked = [];
});

afterEach(async () => {
  await stop();
  shell.close();
});

afterAll(() => stop());

async function stop(): Promise<void> {
  server?.closeAllConnections();
  await new Promise((resolve) => (server === undefined ? resolve(0) : server.close(resolve)));
  server = undefined;
}

type Answer = (response: ServerResponse, from: number, bytes: Buffer) => void;

/** Serves the archive from the byte that is asked for; `answer` sends it, or breaks. */
async function serve(answer: Answer, port = 0): Promise<number> {
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const from = Number(/^bytes=([0-9]+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    asked.push(from);
    answer(response, from, archive.subarray(from));
  };
  server = createServer(handle).listen(port, "127.0.0.1");
  await new Promise((resolve) => server?.once("listening", resolve));
  return (server.address() as AddressInfo).port;
}

function head(response: ServerResponse, from: number, length: number): void {
  response.writeHead(from === 0 ? 200 : 206, {
    "content-length": length,
    ...(from === 0 ? {} : { "content-range": `bytes ${from}-${archive.length - 1}/${archive.length}` }),
  });
}

const whole: Answer = (response, from, bytes) => {
  head(response, from, bytes.length);
  response.end(bytes);
};

/** Sends the first `count` bytes of each answer, then drops the connection. */
const cutAfter =
  (count: number): Answer =>
  (response, from, bytes) => {
    if (bytes.length <= count) {
      whole(response, from, bytes);
      return;
    }
    head(response, from, bytes.length);
    response.write(bytes.subarray(0, count), () => response.socket?.destroy());
  };

function stream(port: number, changes: Readonly<Record<string, string | number>> = {}) {
  const artefacts = `http://127.0.0.1:${port}/artefacts`;
  return shell.run("stream_root", { artefacts, sha256, bytes: archive.length, step_index: 6, ...changes });
}

function unpacked(): Buffer | undefined {
  const path = join(shell.target, "usr/bin/program");
  return existsSync(path) ? readFileSync(path) : undefined;
}

test("a whole answer is unpacked and verified", async () => {
  expect(await stream(await serve(whole))).toMatchObject({ exitCode: 0 });
  expect(unpacked()?.equals(content)).toBe(true);
  expect(asked).toEqual([0]);
});

test("a connection that breaks again and again is resumed at the byte where it broke", async () => {
  const result = await stream(await serve(cutAfter(1_000_000)));
  expect(result, result.stdout).toMatchObject({ exitCode: 0 });
  expect(unpacked()?.equals(content)).toBe(true);
  expect(asked).toEqual([0, 1_000_000, 2_000_000, 3_000_000]);
});

test("a server that is gone for a while is waited for", async () => {
  const port = await serve((response, from, bytes) => {
    cutAfter(1_234_567)(response, from, bytes);
    // Late enough for the bytes to leave.
    setTimeout(() => void stop().then(() => setTimeout(() => void serve(whole, port), 2_000)), 300);
  });
  expect(await stream(port)).toMatchObject({ exitCode: 0 });
  expect(unpacked()?.equals(content)).toBe(true);
  expect(asked).toEqual([0, 1_234_567]);
});

test("a server that is overloaded is asked again", async () => {
  let refusals = 2;
  const port = await serve((response, from, bytes) => {
    if (refusals > 0) response.writeHead(503).end("busy".repeat(1_000));
    else whole(response, from, bytes);
    refusals -= 1;
  });
  expect(await stream(port)).toMatchObject({ exitCode: 0 });
  expect(asked).toEqual([0, 0, 0]);
});

test("an image that was removed from the bastion is waited for, and the console says what to do", async () => {
  let refusals = 2;
  const port = await serve((response, from, bytes) => {
    if (refusals > 0) response.writeHead(404).end();
    else whole(response, from, bytes);
    refusals -= 1;
  });
  const result = await stream(port);
  expect(result, result.stdout).toMatchObject({ exitCode: 0 });
  expect(result.stderr).toContain("the bastion has lost this image, build it again there");
  expect(unpacked()?.equals(content)).toBe(true);
});

const nothing = (): void => {};

test.each<[string, () => unknown, Answer, Readonly<Record<string, string | number>>, string]>([
  [
    "one flipped byte",
    nothing,
    (response, from, bytes) => {
      const damaged = Buffer.from(bytes);
      damaged[1_500_000] = (damaged[1_500_000] as number) ^ 1;
      whole(response, from, damaged);
    },
    {},
    "",
  ],
  ["another SHA-256 than the image's", nothing, whole, { sha256: "0".repeat(64) }, "expected 0000"],
  [
    "an artefact that stays gone",
    nothing,
    (response) => response.writeHead(404).end(),
    { patience_seconds: 2 },
    "nothing came for 2 s: the bastion has lost this image",
  ],
  [
    "more bytes than the image has",
    nothing,
    (response) => response.end(Buffer.concat([archive, Buffer.alloc(10)])),
    {},
    "did not come whole",
  ],
  [
    "a server that cannot resume",
    nothing,
    (response, from) => (from === 0 ? cutAfter(1_000_000)(response, 0, archive) : response.end(archive)),
    {},
    "did not come whole",
  ],
  ["nothing for longer than patience", () => stop(), whole, { patience_seconds: 2 }, "nothing came for 2 s"],
])("%s is not a root", async (_name, prepare, answer, changes, said) => {
  const port = await serve(answer);
  await prepare();
  const result = await stream(port, changes);
  expect(result.exitCode).not.toBe(0);
  expect(result.stdout + result.stderr).toContain(said);
});

test("a target that is full stops the stream and says why", async () => {
  const result = await shell.run(
    'mount -t tmpfs -o size=1m tmpfs "$target"; code=0; stream_root || code=$?; umount "$target"; exit $code',
    {
      artefacts: `http://127.0.0.1:${await serve(whole)}/artefacts`,
      sha256,
      bytes: archive.length,
      step_index: 6,
    },
  );
  expect(result.exitCode).not.toBe(0);
  expect(result.stdout + result.stderr).toContain("Wrote only");
});

test("bytes and rate are reported while it runs", async () => {
  const slowly: Answer = (response, from, bytes) => {
    head(response, from, bytes.length);
    const half = Math.floor(bytes.length / 2);
    response.write(bytes.subarray(0, half));
    setTimeout(() => response.end(bytes.subarray(half)), 3_000);
  };
  await stream(await serve(slowly));
  const [report] = shell.reports();
  expect(report).toMatchObject({ kind: "step-progress", index: 6, totalBytes: archive.length });
  const half = archive.length / 2;
  expect(Math.abs(Number(report?.bytes) - half)).toBeLessThan(100_000);
  expect(Math.abs(Number(report?.bytesPerSecond) * 2 - half)).toBeLessThan(100_000);
});
