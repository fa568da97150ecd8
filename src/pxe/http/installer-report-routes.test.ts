import { once } from "node:events";
import { request } from "node:http";
import type { AddressInfo } from "node:net";
import { Worker } from "node:worker_threads";
import type { FastifyInstance } from "fastify";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { sha256 } from "../../digest.ts";
import { type Attempts, openAttempts } from "../../nodes/attempts.ts";
import { type Database, openDatabase } from "../../nodes/database.ts";
import { openSeeds, type Seeds } from "../../nodes/seeds.ts";
import type { NodePlan } from "../../plan/plan.ts";
import { type InstallerReportDependencies, installerReportRoutes } from "./installer-report-routes.ts";
import { createControlServer, listenOn } from "./server.ts";

const now = new Date("2026-05-04T10:00:00Z");
const deadline = new Date("2026-05-04T12:00:00Z");
const token = "a".repeat(64);

let database: Database;
let attempts: Attempts;
let seeds: Seeds;
let server: FastifyInstance;
let port: number;
let attemptId: number;
let failures: string[];
let unreadable: string[];
let strangers: string[];

type Asking = { readonly body?: string; readonly from?: string; readonly headers?: Record<string, string> };

/** One request without a key or a type, as cloud-init makes it, from the node's address unless told otherwise. */
function ask(method: string, path: string, { body, from = "127.0.0.1", headers = {} }: Asking = {}) {
  return new Promise<{ status: number; body: string }>((resolve, reject) => {
    const to = { host: "127.0.0.1", port, method, path, headers, localAddress: from };
    const outgoing = request(to, (incoming) => {
      let answer = "";
      incoming.setEncoding("utf8").on("data", (chunk: string) => {
        answer += chunk;
      });
      incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, body: answer }));
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

const seed = (name: string): string => `/seed/${token}/${name}`;
const kinds = (): string[] =>
  attempts
    .events({ attempt: attemptId })
    .map(({ body }) => ("stage" in body ? `${body.kind} ${body.stage}` : body.kind));
const partitioning = JSON.stringify({
  name: "subiquity/Install/install/curtin_install/run_curtin_step/cmd-install/stage-partitioning",
  description: "configuring storage",
  event_type: "start",
  origin: "curtin",
  timestamp: 1795518705.5,
  level: "DEBUG",
});
const home = "instance_id=i-1&hostname=node1&fqdn=node1.lab.test&pub_key_ed25519=ssh-ed25519+AAAA%0A";

async function start(overrides: Partial<InstallerReportDependencies> = {}): Promise<void> {
  const dependencies: InstallerReportDependencies = {
    seeds,
    now: () => now,
    append: (id, body) => {
      attempts.append(id, body, now);
    },
    nocloudOf: async ({ node }, given) => ({
      metaData: `instance-id: ${node}\n`,
      userData: `# for ${given}\n`,
    }),
    onUnknownToken: (address) => strangers.push(address),
    onUnreadable: ({ node }, error) => unreadable.push(`${node} ${error.code}`),
    onFailure: (name, { node }, error) => failures.push(`${node} ${name}: ${String(error)}`),
    ...overrides,
  };
  server = createControlServer({
    plugins: [installerReportRoutes(dependencies)],
    onFailure: (name, error) => failures.push(`${name}: ${String(error)}`),
  });
  await listenOn(server, "127.0.0.1", 0);
  port = (server.server.address() as AddressInfo).port;
}

beforeEach(() => {
  failures = [];
  unreadable = [];
  strangers = [];
  database = openDatabase(":memory:");
  attempts = openAttempts(database);
  seeds = openSeeds(database, attempts);
  const plan = { image: {}, node: { hostname: "node1", address: "127.0.0.1" } } as unknown as NodePlan;
  attemptId = attempts.arm({ plan, imageId: "i", revision: "r", now, deadline }).id;
  seeds.mint(attemptId, sha256(token), now);
});

afterEach(async () => {
  await server.close();
  database.close();
});

describe("reports", () => {
  test.each([
    ["no type at all", {}],
    ["JSON's", { "content-type": "application/json" }],
    ["a form's", { "content-type": "application/x-www-form-urlencoded" }],
    ["one that nobody knows", { "content-type": "text/x-unknown; charset=latin1" }],
  ])("one with %s is noted and becomes an event, and chatter becomes none", async (_name, headers) => {
    await start();
    expect(await ask("POST", seed("installer-report"), { body: partitioning, headers })).toEqual({
      status: 200,
      body: "noted\n",
    });
    await vi.waitFor(() => expect(kinds()).toEqual(["armed", "installer-report partitioning"]));
    const chatter = partitioning.replace('"start"', '"finish"');
    for (const body of [chatter, partitioning, partitioning])
      expect((await ask("POST", seed("installer-report"), { body, headers })).status).toBe(200);
    expect(kinds()).toHaveLength(2);
    expect([failures, unreadable]).toEqual([[], []]);
  });

  test("the answer does not wait for what is done with a report", async () => {
    let appended = 0;
    await start({
      append: () => {
        appended += 1;
        return new Promise(() => {});
      },
    });
    expect((await ask("POST", seed("installer-report"), { body: partitioning })).status).toBe(200);
    await vi.waitFor(() => expect(appended).toBe(1));
    expect((await ask("POST", seed("installer-report"), { body: partitioning })).status).toBe(200);
  });

  test("also a write that stops this process comes after the answer has arrived", async () => {
    const arrived = new Int32Array(new SharedArrayBuffer(4));
    let waited = "";
    await start({
      append: () => {
        waited = Atomics.wait(arrived, 0, 0, 10_000);
      },
    });
    const client = `const { workerData: { arrived, to, body } } = require("node:worker_threads");
      require("node:http").request(to, (answer) => answer.resume().on("end", () => {
        Atomics.store(arrived, 0, answer.statusCode);
        Atomics.notify(arrived, 0);
      })).end(body);`;
    const to = { host: "127.0.0.1", port, method: "POST", path: seed("installer-report") };
    const worker = new Worker(client, { eval: true, workerData: { arrived, to, body: partitioning } });
    await once(worker, "exit");
    await vi.waitFor(() => expect(waited).toMatch(/^(ok|not-equal)$/));
    expect(arrived[0]).toBe(200);
  });

  test("one that cannot be read was answered all the same, and is told to the log", async () => {
    await start();
    for (const body of ["{", "", "\u0000\uffff", '{"name":1}'])
      expect((await ask("POST", seed("installer-report"), { body })).status).toBe(200);
    expect((await ask("POST", seed("phone-home"), { body: "x" })).status).toBe(200);
    await vi.waitFor(() => expect(unreadable).toEqual(Array(5).fill("node1 EVENT_MALFORMED")));
    expect(kinds()).toEqual(["armed"]);
  });

  test("our failure comes after the answer, and is told", async () => {
    await start({
      append: () => {
        throw new Error("disk full");
      },
    });
    expect((await ask("POST", seed("installer-report"), { body: partitioning })).status).toBe(200);
    await vi.waitFor(() => expect(failures).toEqual(["node1 POST installer-report: Error: disk full"]));
  });

  test("a body beyond the limit is 413", async () => {
    await start();
    const body = "x".repeat(64 * 1024 + 1);
    expect((await ask("POST", seed("installer-report"), { body })).status).toBe(413);
    expect((await ask("POST", seed("installer-report"), { body: body.slice(1) })).status).toBe(200);
  });

  test("a system that calls home is news once it is deployed; before it is the installer's", async () => {
    await start();
    expect((await ask("POST", seed("phone-home"), { body: home })).status).toBe(200);
    attempts.append(attemptId, { kind: "deployed" }, now);
    expect((await ask("POST", seed("phone-home"), { body: home })).status).toBe(200);
    await vi.waitFor(() => expect(kinds()).toEqual(["armed", "deployed", "installer-report called-home"]));
    expect(attempts.get(attemptId)?.state.stage).toBe("restarting");
  });
});

describe("who is refused", () => {
  const routes = [
    ["POST", "installer-report"],
    ["POST", "phone-home"],
    ["GET", "meta-data"],
    ["GET", "user-data"],
    ["GET", "vendor-data"],
  ] as const;

  test.each(routes)(
    "%s %s: an unknown token, another address, a dead token, an attempt that is over",
    async (method, name) => {
      await start();
      const asking = method === "POST" ? { body: partitioning } : {};
      expect((await ask(method, `/seed/${"f".repeat(64)}/${name}`, asking)).status).toBe(410);
      expect(strangers).toEqual(["127.0.0.1"]);
      expect((await ask(method, seed(name), { ...asking, from: "127.0.0.2" })).status).toBe(410);
      seeds.mint(attemptId, sha256("another"), now);
      expect((await ask(method, seed(name), asking)).status).toBe(410);
      attempts.append(attemptId, { kind: "disarmed" }, now);
      expect((await ask(method, `/seed/another/${name}`, asking)).status).toBe(410);
      expect(kinds()).toEqual(["armed", "disarmed"]);
    },
  );

  test("a session key is neither asked for nor of use", async () => {
    await start();
    const headers = { authorization: "Bearer short" };
    expect((await ask("POST", seed("installer-report"), { body: partitioning, headers })).status).toBe(200);
  });
});

describe("what cloud-init fetches", () => {
  test("as often as it likes, before and after the session is opened, and no network-config", async () => {
    await start();
    for (let round = 0; round < 2; round += 1) {
      expect((await ask("GET", seed("network-config"))).status).toBe(404);
      expect(await ask("GET", seed("meta-data"))).toEqual({ status: 200, body: "instance-id: node1\n" });
      expect(await ask("GET", seed("user-data"))).toEqual({ status: 200, body: `# for ${token}\n` });
      expect(await ask("GET", seed("vendor-data"))).toEqual({ status: 200, body: "" });
      seeds.redeem(sha256(token), { address: "127.0.0.1", keySha256: sha256("key") }, now);
    }
    expect(kinds()).toEqual(["armed", "seed-redeemed"]);
  });

  test("nothing for a node that is not installed that way", async () => {
    await start({ nocloudOf: async () => undefined });
    for (const name of ["meta-data", "user-data", "vendor-data"])
      expect((await ask("GET", seed(name))).status).toBe(404);
  });

  test("nothing once the node is deployed", async () => {
    await start();
    attempts.append(attemptId, { kind: "deployed" }, now);
    expect((await ask("GET", seed("user-data"))).status).toBe(410);
  });

  test("our failure is 500 and told", async () => {
    await start({
      nocloudOf: async () => {
        throw new Error("no such plan");
      },
    });
    expect((await ask("GET", seed("user-data"))).status).toBe(500);
    expect(failures).toEqual(["node1 GET user-data: Error: no such plan"]);
  });
});
