import { request } from "node:http";
import type { AddressInfo } from "node:net";
import type { FastifyInstance } from "fastify";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { DeployPlan } from "../../deploy/steps.ts";
import { sha256 } from "../../digest.ts";
import { ImagectlError } from "../../errors.ts";
import { type Attempts, openAttempts } from "../../nodes/attempts.ts";
import { type Database, openDatabase } from "../../nodes/database.ts";
import type { EventBody } from "../../nodes/event.ts";
import { openSeeds, type Seeds } from "../../nodes/seeds.ts";
import type { Disk, Inventory } from "../../plan/inventory.ts";
import type { NodePlan } from "../../plan/plan.ts";
import { type SeedDependencies, seedRoutes } from "./seed-routes.ts";
import { createControlServer, listenOn } from "./server.ts";

const now = new Date("2026-05-04T10:00:00Z");
const deadline = new Date("2026-05-04T12:00:00Z");
const token = "a".repeat(64);
const key = "b".repeat(64);
const hostKey = `ssh-ed25519 ${"A".repeat(68)} root@node1`;

const disk: Disk = {
  path: "/dev/vda",
  bytes: 8e9,
  model: "",
  serial: "S1",
  wwn: "",
  idPaths: [],
  isRemovable: false,
  isReadOnly: false,
  transport: "virtio",
  signatures: [],
  filesystems: [],
};
const inventory: Inventory = {
  firmware: "bios-x86",
  memoryMiB: 2048,
  cpus: 2,
  product: "a machine",
  serial: "",
  disks: [disk],
  nics: [],
};

let database: Database;
let attempts: Attempts;
let seeds: Seeds;
let server: FastifyInstance;
let port: number;
let attemptId: number;
let failures: string[];
let strangers: string[];

type Answer = { readonly status: number; readonly body: string; readonly retryAfter?: string };
type Asking = { body?: string | object; key?: string; from?: string; headers?: Record<string, string> };

/** One request with the session key of the node, from the node's address, unless told otherwise. */
function ask(method: string, path: string, asking: Asking = {}): Promise<Answer> {
  const text = typeof asking.body === "object" ? JSON.stringify(asking.body) : asking.body;
  const headers = { authorization: `Bearer ${asking.key ?? key}`, ...asking.headers };
  return new Promise((resolve, reject) => {
    const localAddress = asking.from ?? "127.0.0.1";
    const outgoing = request({ host: "127.0.0.1", port, method, path, headers, localAddress }, (incoming) => {
      let body = "";
      incoming.setEncoding("utf8").on("data", (chunk: string) => {
        body += chunk;
      });
      incoming.on("end", () => {
        const retryAfter = incoming.headers["retry-after"];
        resolve({
          status: incoming.statusCode ?? 0,
          body,
          ...(retryAfter === undefined ? {} : { retryAfter }),
        });
      });
    });
    outgoing.on("error", reject);
    outgoing.end(text);
  });
}

const seed = (name: string): string => `/seed/${token}/${name}`;
const kinds = (): string[] => attempts.events({ attempt: attemptId }).map((event) => event.body.kind);

async function start(overrides: Partial<SeedDependencies> = {}): Promise<void> {
  const certificates = new Map<string, string>();
  const dependencies: SeedDependencies = {
    seeds,
    now: () => now,
    append: (id, body) => {
      attempts.append(id, body, now);
    },
    planDeploy: async () => ({
      kind: "deploy",
      layout: { system: [disk], data: [] },
      steps: [{ kind: "set-clock" }, { kind: "wipe-disk", disk: "/dev/vda" }],
    }),
    overlayOf: async (attempt) => new TextEncoder().encode(`overlay of ${attempt.node}`),
    imageLayerOf: async (attempt) => new TextEncoder().encode(`image layer of ${attempt.node}`),
    preseedOf: (attempt) => `# for ${attempt.node}\n`,
    autoinstallOf: async (attempt, token) => `# ${token.length} ${attempt.node}\n`,
    certify: async (_attempt, session, line) => {
      const claim = seeds.claimHostKey(session, line);
      if (claim.kind === "other-key") return undefined;
      certificates.set(session, certificates.get(session) ?? `certificate of ${line}`);
      return certificates.get(session);
    },
    onUnknownToken: (address) => strangers.push(address),
    onFailure: (name, attempt, error) => failures.push(`${attempt.node} ${name}: ${String(error)}`),
    ...overrides,
  };
  server = createControlServer({
    plugins: [seedRoutes(dependencies)],
    onFailure: (name, error) => failures.push(`${name}: ${String(error)}`),
  });
  await listenOn(server, "127.0.0.1", 0);
  port = (server.server.address() as AddressInfo).port;
}

beforeEach(async () => {
  failures = [];
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

describe("the protocol, from the token to the deployed node", () => {
  test("every answer is what the agent expects, and the node ends deployed", async () => {
    await start();
    expect(await ask("POST", seed("redeem"))).toEqual({ status: 200, body: "node1\n" });
    expect(await ask("POST", seed("inventory"), { body: inventory })).toEqual({
      status: 200,
      body: "set-clock\nwipe-disk disk=/dev/vda\n",
    });
    expect(await ask("GET", seed("clock"))).toEqual({ status: 200, body: `${now.getTime() / 1000}\n` });
    expect(await ask("GET", seed("overlay.tar"))).toEqual({ status: 200, body: "overlay of node1" });
    const events: EventBody[] = [
      { kind: "step-started", index: 1, total: 2, step: "set-clock" },
      { kind: "step-finished", index: 1, seconds: 0.1 },
      { kind: "step-started", index: 2, total: 2, step: "wipe-disk" },
      { kind: "step-progress", index: 2, bytes: 5, totalBytes: 10, bytesPerSecond: 1 },
    ];
    for (const body of events) expect((await ask("POST", seed("events"), { body })).status).toBe(200);
    expect(attempts.get(attemptId)?.state).toMatchObject({ stage: "deploying", progress: { bytes: 5 } });
    expect((await ask("POST", seed("host-key"), { body: `${hostKey}\n` })).body).toBe(
      `certificate of ${hostKey}\n`,
    );
    expect((await ask("POST", seed("events"), { body: { kind: "deployed" } })).status).toBe(200);
    expect(attempts.get(attemptId)?.state).toMatchObject({ stage: "deployed", isDeployed: true });
    expect(failures).toEqual([]);
  });

  test("an installer gets its answers and the image layer inside the same session, and nobody else does", async () => {
    await start();
    expect((await ask("GET", seed("preseed.cfg"))).status).toBe(410);
    await ask("POST", seed("redeem"));
    expect((await ask("GET", seed("preseed.cfg"), { key: "c".repeat(64) })).status).toBe(410);
    expect(await ask("GET", seed("preseed.cfg"))).toEqual({ status: 200, body: "# for node1\n" });
    expect(await ask("GET", seed("image-layer.tar"))).toEqual({ status: 200, body: "image layer of node1" });
  });

  test("after deployed only deployed is answered, and leaves no second event", async () => {
    await start();
    await ask("POST", seed("redeem"));
    await ask("POST", seed("events"), { body: { kind: "deployed" } });
    expect((await ask("POST", seed("events"), { body: { kind: "deployed" } })).status).toBe(200);
    for (const [method, name] of [
      ["POST", "redeem"],
      ["POST", "inventory"],
      ["GET", "overlay.tar"],
      ["POST", "host-key"],
      ["GET", "clock"],
    ] as const) {
      expect((await ask(method, seed(name))).status, name).toBe(410);
    }
    const late = { kind: "step-started", index: 1, total: 1, step: "wipe-disk" };
    expect((await ask("POST", seed("events"), { body: late })).status).toBe(410);
    expect((await ask("POST", seed("events"), { body: "no json" })).status).toBe(410);
    expect(kinds()).toEqual(["armed", "seed-redeemed", "deployed"]);
  });

  test("a lost answer costs nothing: the same request gets the same answer", async () => {
    await start();
    for (let round = 0; round < 3; round += 1) {
      expect((await ask("POST", seed("redeem"))).status).toBe(200);
      expect((await ask("POST", seed("host-key"), { body: hostKey })).body).toContain("certificate of");
    }
    expect(attempts.get(attemptId)?.state.tries).toBe(1);
  });
});

describe("who is refused", () => {
  test("a hundred racing redeemers with as many keys: one 200, ninety-nine 410", async () => {
    await start();
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_unused, index) =>
        ask("POST", seed("redeem"), { key: index.toString(16).padStart(64, "0") }),
      ),
    );
    expect(answers.filter((answer) => answer.status === 200)).toHaveLength(1);
    expect(answers.filter((answer) => answer.status === 410)).toHaveLength(99);
    expect(kinds().filter((kind) => kind === "seed-redeemed")).toHaveLength(1);
    expect(kinds()).toContain("seed-refused");
  });

  test("a replayed token: 410 with the reason, an event, and the session goes on", async () => {
    await start();
    await ask("POST", seed("redeem"));
    const replay = await ask("POST", seed("redeem"), { key: "c".repeat(64) });
    expect(replay).toEqual({
      status: 410,
      body: "the token was already redeemed with another session key\n",
    });
    expect(kinds()).toEqual(["armed", "seed-redeemed", "seed-refused"]);
    expect((await ask("GET", seed("clock"))).status).toBe(200);
  });

  test("another address, whatever it claims in a header", async () => {
    await start();
    const headers = { "x-forwarded-for": "127.0.0.1", forwarded: "for=127.0.0.1" };
    const answer = await ask("POST", seed("redeem"), { from: "127.0.0.2", headers });
    expect(answer).toEqual({ status: 410, body: "the token belongs to another address\n" });
    expect(strangers).toEqual([]);
    expect((await ask("POST", seed("redeem"))).status).toBe(200);
  });

  test("an unknown token, a session that was not opened, a missing or short key", async () => {
    await start();
    expect((await ask("POST", `/seed/${"f".repeat(64)}/redeem`)).status).toBe(410);
    expect(strangers).toEqual(["127.0.0.1"]);
    expect((await ask("GET", seed("clock"))).status).toBe(410);
    expect((await ask("POST", seed("redeem"), { key: "short" })).status).toBe(401);
    expect(attempts.get(attemptId)?.state.tries).toBe(0);
  });

  test("a second host key in the same session", async () => {
    await start();
    await ask("POST", seed("redeem"));
    await ask("POST", seed("host-key"), { body: hostKey });
    const other = hostKey.replace("AAAA", "BBBB");
    expect((await ask("POST", seed("host-key"), { body: other })).status).toBe(409);
    expect((await ask("POST", seed("host-key"), { body: `${hostKey}\n${other}` })).status).toBe(400);
    expect((await ask("POST", seed("host-key"), { body: hostKey.replace("ed25519", "dss") })).status).toBe(
      400,
    );
  });
});

describe("what goes wrong", () => {
  test("a refused machine gets its findings for the console, and the attempt its cause", async () => {
    const finding = {
      code: "COMMAND_FAILED",
      where: "node1",
      message: "two disks match: /dev/sda, /dev/sdb",
      hint: "Set disk.match.serial of node1.",
      severity: "error",
    } as const;
    await start({ planDeploy: async (): Promise<DeployPlan> => ({ kind: "refuse", findings: [finding] }) });
    await ask("POST", seed("redeem"));
    expect(await ask("POST", seed("inventory"), { body: inventory })).toEqual({
      status: 409,
      body: "two disks match: /dev/sda, /dev/sdb\n  Set disk.match.serial of node1.\n",
    });
    expect(attempts.get(attemptId)?.state).toMatchObject({ stage: "failed", isLive: true });
  });

  test("unreadable inventories and events are 400 and change nothing", async () => {
    await start();
    await ask("POST", seed("redeem"));
    expect((await ask("POST", seed("inventory"), { body: "{" })).status).toBe(400);
    expect((await ask("POST", seed("events"), { body: { kind: "armed" } })).status).toBe(400);
    expect((await ask("POST", seed("events"), { body: "" })).status).toBe(400);
    expect(kinds()).toEqual(["armed", "seed-redeemed"]);
  });

  test("a body beyond the limit is 413", async () => {
    await start();
    await ask("POST", seed("redeem"));
    expect((await ask("POST", seed("events"), { body: "x".repeat(300 * 1024) })).status).toBe(413);
  });

  test("our failure is 500 and told, never 404; the next request is answered", async () => {
    await start({
      overlayOf: async () => {
        throw new Error("disk full");
      },
    });
    await ask("POST", seed("redeem"));
    const answer = await ask("GET", seed("overlay.tar"));
    expect(answer).toEqual({ status: 500, body: "this is our fault: see the log of imagectl serve\n" });
    expect(failures).toEqual(["node1 GET overlay.tar: Error: disk full"]);
    expect((await ask("GET", seed("clock"))).status).toBe(200);
  });

  test("a database that fails is 500 too", async () => {
    await start({
      seeds: {
        redeem: () => {
          throw new Error("disk I/O error");
        },
        use: seeds.use,
      },
    });
    expect((await ask("POST", seed("redeem"))).status).toBe(500);
    expect(failures).toEqual(["POST /seed/:token/redeem: Error: disk I/O error"]);
  });

  test.each([
    ["DATABASE_BUSY", 503],
    ["DATABASE_FULL", 507],
  ] as const)("what passes says so, and when to come again: %s", async (code, status) => {
    await start({
      seeds: {
        redeem: () => {
          throw new ImagectlError(code, "not now", { hint: "wait" });
        },
        use: seeds.use,
      },
    });
    expect(await ask("POST", seed("redeem"))).toMatchObject({ status, retryAfter: "2" });
  });

  test("a failed step that is reported again and again is one event", async () => {
    await start();
    await ask("POST", seed("redeem"));
    const failed = { kind: "step-failed", index: 1, exitCode: 28, logTail: "no route" };
    await ask("POST", seed("events"), {
      body: { kind: "step-started", index: 1, total: 2, step: "stream-root" },
    });
    for (let round = 0; round < 3; round += 1) {
      expect((await ask("POST", seed("events"), { body: failed })).status).toBe(200);
    }
    expect(kinds().filter((kind) => kind === "step-failed")).toHaveLength(1);
  });
});

test("of a node's progress one report in two seconds is kept", async () => {
  let clock = now;
  await start({
    now: () => clock,
    append: (id, body) => {
      attempts.append(id, body, clock);
    },
  });
  await ask("POST", seed("redeem"));
  await ask("POST", seed("events"), {
    body: { kind: "step-started", index: 1, total: 1, step: "stream-root" },
  });
  for (let bytes = 0; bytes < 10; bytes += 1) {
    const body = { kind: "step-progress", index: 1, bytes, totalBytes: 10, bytesPerSecond: 1 };
    expect((await ask("POST", seed("events"), { body })).status).toBe(200);
    clock = new Date(clock.getTime() + 500);
  }
  const kept = attempts.events({ attempt: attemptId }).map(({ body }) => "bytes" in body && body.bytes);
  expect(kept.filter((bytes) => bytes !== false)).toEqual([0, 4, 8]);
});

test("the routes of a node: nothing of an operator's is among them", async () => {
  await start();
  expect((await ask("GET", "/nodes")).status).toBe(404);
  expect((await ask("POST", "/arm")).status).toBe(404);
  expect((await ask("HEAD", seed("clock"))).status).toBe(404);
  expect((await ask("DELETE", seed("events"))).status).toBe(404);
});
