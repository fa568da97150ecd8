/** `imagectl images prune` and `--stale`: what nobody needs goes, and where that is not known, nothing does. */
import { generateKeyPairSync } from "node:crypto";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { sha256 } from "../digest.ts";
import type { PackageRequest } from "../images/package-lock.ts";
import { formatLock, requestDigest } from "../images/package-lock.ts";
import type { Candidate } from "../images/pending-updates.ts";
import { ensureKeys } from "../keys.ts";
import { packageRoot, statePaths } from "../paths.ts";
import { type OperatorDependencies, operatorRoutes } from "../serve/operator-routes.ts";
import { listenForOperators } from "../serve/operator-socket.ts";
import type { NeededImage } from "../serve/operator-types.ts";
import { openStore, type Store } from "../store/store.ts";
import { findWanted } from "./needed-images.ts";
import { runCaptured } from "./test-run.ts";

/** What the archives have; a real apt needs a network. */
let candidates: readonly Candidate[] = [];
vi.mock("../images/apt.ts", () => ({ openApt: async () => ({ candidates: async () => candidates }) }));

const { privateKey } = generateKeyPairSync("ed25519");
const pem = String(privateKey.export({ type: "pkcs8", format: "pem" }));
const io = () => ({ stdout: { write: () => {} }, stderr: { write: () => {} }, env, isTty: false });
let folder: string;
let env: Record<string, string>;
let store: Store;
let server: FastifyInstance | undefined;

const imagectl = (...argv: string[]) => runCaptured(argv, { env });

const dayMs = 86_400_000;

/** @returns the id of a golden image that is so old, with a blob of its own and 1000 bytes. */
async function publish(planKey: string, ageDays: number, lock?: string): Promise<string> {
  const add = (name: string, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return store.addBlob({ name, path });
  };
  const root = await add("root.tar.zst", `${planKey}${ageDays}`.padEnd(1000, "."));
  const image = await store.publish(
    {
      schema: 1,
      kind: "golden",
      os: "debian-12",
      arch: "amd64",
      planKey,
      key: sha256(`${planKey} ${ageDays}`),
      createdAt: new Date(Date.now() - ageDays * dayMs).toISOString(),
      artefacts: lock === undefined ? [root] : [root, await add("packages.lock", lock)],
      boot: [],
      rootBytes: 1,
    },
    pem,
  );
  return image.id;
}

async function serveNeeded(needed: readonly NeededImage[]): Promise<void> {
  writeFileSync(statePaths(env).database, "");
  const dependencies = { attempts: {}, neededImages: () => needed } as unknown as OperatorDependencies;
  server = await listenForOperators(statePaths(env).operatorSocket, operatorRoutes(dependencies));
}

const remaining = async () => (await store.list()).images.map(({ id }) => id);

/** The key and the packages of the image that the sample's node needs. */
async function sampleImage(): Promise<{ planKey: string; request: PackageRequest }> {
  const [golden] = await findWanted(undefined, io());
  if (golden?.request === undefined) throw new Error("the sample has no node");
  return { planKey: golden.planKey, request: golden.request };
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "imagectl-prune-"));
  const cluster = join(folder, "cluster.yaml");
  copyFileSync(join(packageRoot, "examples/cluster.yaml"), cluster);
  env = { IMAGECTL_STATE: folder, IMAGECTL_RUN: folder, IMAGECTL_CLUSTER: cluster };
  store = openStore(statePaths(env).store);
  await ensureKeys(statePaths(env).keys);
});

afterEach(async () => {
  await server?.close();
  server = undefined;
  rmSync(folder, { recursive: true });
});

test("of each plan the newest stay; what a node was installed with stays, and it is said why", async () => {
  const plan = sha256("plan");
  const [newest, second, third, fourth] = [
    await publish(plan, 1),
    await publish(plan, 2),
    await publish(plan, 3),
    await publish(plan, 4),
  ];
  await serveNeeded([{ imageId: fourth, node: "node7", reason: "installed" }]);

  const dry = await imagectl("images", "prune", "--dry-run");
  expect(dry.stdout).toMatch(new RegExp(`^${third.slice(0, 12)}.*would go +superseded$`, "m"));
  expect(dry.stdout).toContain("1.0 kB would become free");
  expect(await remaining()).toHaveLength(4);

  const { code, stdout } = await imagectl("images", "prune");
  expect(code).toBe(0);
  expect(stdout).toMatch(
    new RegExp(`^${fourth.slice(0, 12)}.*stays +needed: node7 was installed with it$`, "m"),
  );
  expect(await remaining()).toEqual([newest, second, fourth]);
});

test("age takes what is old, but never the image of a plan of the cluster file, or of a live attempt", async () => {
  const { planKey } = await sampleImage();
  const wanted = await publish(planKey, 200);
  const live = await publish(sha256("live"), 200);
  const old = await publish(sha256("old"), 200);
  await serveNeeded([{ imageId: live, node: "node7", reason: "live" }]);
  const { stdout } = await imagectl("images", "prune", "--older-than", "30d", "--json");
  expect(JSON.parse(stdout)).toMatchObject({ removed: [{ id: old, reason: "old" }] });
  expect((await remaining()).sort()).toEqual([wanted, live].sort());
});

test("without a server that knows what is needed, nothing goes", async () => {
  await publish(sha256("old"), 200);
  writeFileSync(statePaths(env).database, "");
  const { code, stderr } = await imagectl("images", "prune");
  expect(code).toBe(1);
  expect(stderr).toContain("[SERVER_NOT_RUNNING]");
  expect(await remaining()).toHaveLength(1);
});

test("of a broken cluster file nobody knows what it needs: nothing goes", async () => {
  await publish(sha256("old"), 200);
  writeFileSync(env.IMAGECTL_CLUSTER as string, "cluster: [");
  expect(await imagectl("images", "prune")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("[CLUSTER_INVALID]"),
  });
  expect(await remaining()).toHaveLength(1);
});

test("where nothing was ever armed, no server is asked", async () => {
  await publish(sha256("old"), 200);
  expect((await imagectl("images", "prune")).code).toBe(0);
  expect(await remaining()).toEqual([]);
});

test("--stale names what the archives have newer, security first, and ends with 2", async () => {
  const { planKey, request } = await sampleImage();
  const packages = [
    { name: "libssl3", version: "1", architecture: "amd64" as const, sha256: sha256("x"), bytes: 1 },
  ];
  const lock = formatLock({
    schema: 1,
    os: "debian-12",
    request: requestDigest(request),
    epoch: 1,
    packages,
  });
  await publish(planKey, 2, lock);
  await publish(planKey, 9, lock);
  await publish(sha256("gone"), 9, lock);
  candidates = [{ name: "libssl3", version: "2", isSecurity: true }];
  const { code, stdout } = await imagectl("images", "--stale");
  expect(code).toBe(2);
  expect(stdout).toContain("1 update, 1 of them security");
  expect(stdout).toMatch(/^ +libssl3 +1 +-> +2 +security$/m);
  expect(stdout).toContain("superseded by a newer one");
  expect(stdout).toContain("of a plan or recipe that no node of the cluster file has");
  expect(stdout).toContain("imagectl build --update");
  candidates = [{ name: "libssl3", version: "1", isSecurity: false }];
  const fresh = await imagectl("images", "list", "--stale", "--json");
  expect(fresh.code).toBe(0);
  expect(JSON.parse(fresh.stdout).images[0].staleness).toEqual({ kind: "updates", updates: [] });
});
