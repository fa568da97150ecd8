/**
 * A bastion reduced to what the deploy environment asks of it: `node stub-bastion.ts FOLDER`.
 * It can be killed and started again: what it must remember is in FOLDER, and what it is asked is appended there.
 */
import { spawnSync } from "node:child_process";
import { appendFileSync, createReadStream, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { join } from "node:path";
import { parseInventory } from "../../src/deploy/parse-inventory.ts";
import { type DeployArtefacts, type DeployedNode, planDeploy } from "../../src/deploy/plan-deploy.ts";
import { renderSteps } from "../../src/deploy/steps.ts";
import { formatFinding } from "../../src/errors.ts";

/** FOLDER/config.json, read anew with each inventory: the cluster file as the operator has it by then. */
export type StubConfig = {
  readonly address: string;
  readonly token: string;
  readonly plan: DeployedNode;
  readonly artefacts: DeployArtefacts;
  /** File with the root; the overlay is FOLDER/overlay.tar, the host CA's key FOLDER/ca. */
  readonly rootFile: string;
};

/** FOLDER/fault.json, read anew with each request: what goes wrong from now on. */
export type StubFault = {
  /** Everything in the seed session is answered with 410. */
  readonly isGone?: boolean;
};

const folder = process.argv[2] ?? ".";
const readConfig = (): StubConfig => JSON.parse(readFileSync(join(folder, "config.json"), "utf8"));
const config = readConfig();
const keyFile = join(folder, "session-key");

function fault(): StubFault {
  const file = join(folder, "fault.json");
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
}

function record(file: string, value: unknown): void {
  appendFileSync(join(folder, file), `${JSON.stringify(value)}\n`);
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function answer(response: ServerResponse, status: number, body: string | Buffer = ""): void {
  response.writeHead(status, { "content-length": Buffer.byteLength(body) }).end(body);
}

async function control(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const prefix = `/seed/${config.token}`;
  const body = await bodyOf(request);
  const path = request.url?.startsWith(prefix) ? request.url.slice(prefix.length) : undefined;
  if (path === undefined) return answer(response, 404, "no such token");
  if (fault().isGone) return answer(response, 410, "the attempt is over (disarmed, failed or ready)");
  const key = request.headers.authorization ?? "";
  if (path === "/redeem") {
    if (!existsSync(keyFile)) writeFileSync(keyFile, key);
    const isSame = /^Bearer [0-9a-f]{64}$/.test(key) && readFileSync(keyFile, "utf8") === key;
    return isSame ? answer(response, 200) : answer(response, 410, "redeemed with another key");
  }
  if (!existsSync(keyFile) || readFileSync(keyFile, "utf8") !== key)
    return answer(response, 410, "another key");
  switch (path) {
    case "/clock":
      return answer(response, 200, `${Math.floor(Date.now() / 1000)}\n`);
    case "/overlay.tar":
      return answer(response, 200, readFileSync(join(folder, "overlay.tar")));
    case "/events":
      record("events.jsonl", { at: Date.now(), ...JSON.parse(body.toString()) });
      return answer(response, 200);
    case "/inventory":
      return answerInventory(response, body.toString());
    case "/host-key":
      return answer(response, 200, signHostKey(body.toString()));
    default:
      return answer(response, 404, "no such route");
  }
}

function answerInventory(response: ServerResponse, json: string): void {
  writeFileSync(join(folder, "inventory.json"), json);
  const plan = planDeploy(parseInventory(json), readConfig().plan, config.artefacts);
  const isRefused = plan.kind === "refuse";
  const text = isRefused ? plan.findings.map(formatFinding).join("\n") : renderSteps(plan.steps);
  answer(response, isRefused ? 409 : 200, text);
}

function signHostKey(publicKey: string): string {
  const file = join(folder, "host_key.pub");
  writeFileSync(file, publicKey);
  const words = ["-q", "-s", join(folder, "ca"), "-I", "node1", "-h", "-n", "node1", "-V", "-5m:+52w", file];
  const signed = spawnSync("ssh-keygen", words, { encoding: "utf8" });
  if (signed.status !== 0) throw new Error(signed.stderr);
  return readFileSync(join(folder, "host_key-cert.pub"), "utf8");
}

function artefact(request: IncomingMessage, response: ServerResponse): void {
  const range = /^bytes=([0-9]+)-$/.exec(request.headers.range ?? "");
  const from = Number(range?.[1] ?? 0);
  if (request.url !== `/artefacts/${config.artefacts.rootSha256}`) {
    answer(response, 404);
    return;
  }
  const total = statSync(config.rootFile).size;
  response.writeHead(range === null ? 200 : 206, {
    "content-length": total - from,
    ...(range === null ? {} : { "content-range": `bytes ${from}-${total - 1}/${total}` }),
  });
  const stream = createReadStream(config.rootFile, { start: from });
  response.on("close", () => stream.destroy());
  stream.pipe(response);
}

function listen(port: number, handle: (request: IncomingMessage, response: ServerResponse) => unknown): void {
  createServer(async (request, response) => {
    try {
      await handle(request, response);
    } catch (error) {
      console.error(`stub bastion: ${request.method} ${request.url}: ${String(error)}`);
      answer(response, 500, String(error));
    }
  }).listen(port, config.address);
}

listen(8080, control);
listen(8081, artefact);
