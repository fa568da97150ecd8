/** The agent's requests inside a seed session, against servers that are late, broken, or have changed their mind. */
import { existsSync, readFileSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type AgentShell, openAgentShell } from "../support/agent-shell.ts";

type Asked = { readonly line: string; readonly authorization: string; readonly body: string };

let shell: AgentShell;
let server: Server | undefined;
let asked: Asked[];

beforeEach(() => {
  shell = openAgentShell();
  asked = [];
});

afterEach(async () => {
  await stop();
  shell.close();
});

async function stop(): Promise<void> {
  server?.closeAllConnections();
  await new Promise((resolve) => (server === undefined ? resolve(0) : server.close(resolve)));
  server = undefined;
}

async function serve(answer: (response: ServerResponse, count: number) => void, port = 0): Promise<number> {
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const authorization = request.headers.authorization ?? "";
    asked.push({ line: `${request.method} ${request.url}`, authorization, body });
    answer(response, asked.length);
  }).listen(port, "127.0.0.1");
  await new Promise((resolve) => server?.once("listening", resolve));
  return (server.address() as AddressInfo).port;
}

const ok = (response: ServerResponse): void => void response.end("fine");

const post =
  'code=0; session_request order POST "$seed/inventory" --data-binary hello || code=$?; echo "$code $http_status"';

function ask(port: number, changes: Readonly<Record<string, string | number>> = {}) {
  return shell.run(post, { seed: `http://127.0.0.1:${port}/seed/token`, ...changes });
}

function answered(): string {
  return readFileSync(join(shell.runFolder, "order.answer"), "utf8");
}

test("a request carries the session's key, and its answer is kept in a file", async () => {
  expect((await ask(await serve(ok))).stdout).toBe("0 200\n");
  expect(asked).toEqual([
    { line: "POST /seed/token/inventory", authorization: `Bearer ${"0".repeat(64)}`, body: "hello" },
  ]);
  expect(answered()).toBe("fine");
});

test.each<[number, string]>([
  [409, "9 409\n"],
  [410, "10 410\n"],
  [404, "1 404\n"],
  [400, "1 400\n"],
])("%d is an answer, and is not asked for again", async (status, said) => {
  const port = await serve((response) => response.writeHead(status).end("why"));
  expect((await ask(port)).stdout).toBe(said);
  expect(asked).toHaveLength(1);
  expect(answered()).toBe("why");
});

test.each([429, 500, 503])("%d is asked again until it is better", async (status) => {
  const port = await serve((response, count) =>
    count < 3 ? response.writeHead(status).end() : ok(response),
  );
  expect((await ask(port)).stdout).toBe("0 200\n");
  expect(asked).toHaveLength(3);
});

test("a server that drops the connection is asked again", async () => {
  const port = await serve((response, count) => (count < 2 ? response.socket?.destroy() : ok(response)));
  expect((await ask(port)).stdout).toBe("0 200\n");
});

test("a server that is not there yet is waited for", async () => {
  const port = await serve(ok);
  await stop();
  setTimeout(() => void serve(ok, port), 2_000);
  expect((await ask(port)).stdout).toBe("0 200\n");
});

test("patience ends", async () => {
  const port = await serve(ok);
  await stop();
  expect((await ask(port, { patience_seconds: 2 })).stdout).toBe("1 000\n");
});

/** Queues these events by the real reporter and waits until it has sent them. */
function report(port: number, events: readonly string[]) {
  const code = [
    '. "$here/report.sh"',
    'trap "echo stopped" USR1',
    "start_reporter",
    ...events.map((event) => `queue_event '${event}'`),
    "code=0; finish_reports || code=$?",
    'echo "ended $code"',
  ];
  return shell.run(code.join("\n"), { seed: `http://127.0.0.1:${port}/seed/token` });
}

test("events arrive in order, although the server fails in between", async () => {
  const port = await serve((response, count) => (count === 2 ? response.writeHead(500).end() : ok(response)));
  expect((await report(port, ["one", "two", "three"])).stdout).toBe("ended 0\n");
  expect(asked.map(({ body }) => body)).toEqual(["one", "two", "two", "three"]);
});

test("old progress is not repeated, what must be known is", async () => {
  const port = await serve((response, count) => (count < 3 ? response.writeHead(500).end() : ok(response)));
  const progress = '{"kind":"step-progress"}';
  expect((await report(port, [progress, "started", "done"])).stdout).toBe("ended 0\n");
  expect(asked.map(({ body }) => body)).toEqual([progress, "started", "started", "done"]);
});

test("an event that the server cannot read does not hold up the next", async () => {
  const port = await serve((response, count) => (count === 1 ? response.writeHead(400).end() : ok(response)));
  expect((await report(port, ["odd", "even"])).stdout).toBe("ended 0\n");
  expect(asked.map(({ body }) => body)).toEqual(["odd", "even"]);
});

test("an attempt that is over stops the agent, with the server's reason", async () => {
  const port = await serve((response) => response.writeHead(410).end("disarmed"));
  expect((await report(port, ["one", "two"])).stdout).toContain("stopped\n");
  expect(asked.map(({ body }) => body)).toEqual(["one"]);
  expect(existsSync(join(shell.runFolder, "gone"))).toBe(true);
  expect(readFileSync(join(shell.runFolder, "gone"), "utf8")).toBe("disarmed");
});
