/** The store on a real disk: what is listed is whole, and damage is named. */
import { generateKeyPairSync } from "node:crypto";
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { sha256 } from "../digest.ts";
import type { Artefact, Manifest } from "./manifest.ts";
import { openStore, type Store } from "./store.ts";

const newKey = () =>
  String(generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }));
const key = newKey();
const planKey = sha256("plan");

let directory: string;
let store: Store;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "store-"));
  store = openStore(join(directory, "store"));
});
afterEach(() => rmSync(directory, { recursive: true }));

async function addText(name: string, text: string): Promise<Artefact> {
  const path = join(directory, name);
  writeFileSync(path, text);
  return store.addBlob({ name, path });
}

function manifestOf(artefacts: Artefact[], change: Partial<Manifest> = {}): Manifest {
  return {
    schema: 1,
    kind: "golden",
    os: "debian-12",
    arch: "amd64",
    planKey,
    key: sha256("key"),
    createdAt: "2026-01-02T03:04:05.000Z",
    artefacts,
    boot: [],
    rootBytes: 1,
    ...change,
  };
}

const publishText = async (text: string, change: Partial<Manifest> = {}) =>
  store.publish(manifestOf([await addText("root.tar.zst", text)], change), key);

test("an empty store lists nothing and has no image for any plan", async () => {
  expect(await store.list()).toEqual({ images: [], findings: [] });
  expect(await store.findNewest(planKey)).toBeUndefined();
});

test("a published image is listed, shown by a few digits, and verifies", async () => {
  const image = await publishText("root");
  expect((await store.list()).images).toEqual([image]);
  expect(await store.show(image.id.slice(0, 6))).toEqual(image);
  expect(await store.verify(image.id)).toEqual([]);
});

test("an image's id is the digest of its manifest file", async () => {
  const image = await publishText("root");
  expect(sha256(readFileSync(join(store.directory, "images", `${image.id}.json`)))).toBe(image.id);
});

test("blobs are world-readable, so that unprivileged workers can serve them", async () => {
  const artefact = await addText("root.tar.zst", "root");
  expect(statSync(store.blobPath(artefact.sha256)).mode & 0o777).toBe(0o644);
});

test("the newest image for a plan wins, whatever the order of publishing", async () => {
  const newer = await publishText("new", { createdAt: "2026-02-01T00:00:00.000Z" });
  await publishText("old", { createdAt: "2026-01-01T00:00:00.000Z" });
  await publishText("other plan", { planKey: sha256("other"), createdAt: "2026-03-01T00:00:00.000Z" });
  expect((await store.findNewest(planKey))?.id).toBe(newer.id);
});

test("a crash between the blobs and the manifest publishes nothing", async () => {
  await addText("root.tar.zst", "root");
  expect(await store.list()).toEqual({ images: [], findings: [] });
});

test("a manifest that names a blob that never came is refused", async () => {
  const artefact = { name: "root.tar.zst", bytes: 4, sha256: sha256("root") };
  await expect(store.publish(manifestOf([artefact]), key)).rejects.toMatchObject({ code: "IMAGE_DAMAGED" });
  expect((await store.list()).images).toEqual([]);
});

test("a builder's file that does not exist is named", async () => {
  const missing = { name: "root.tar.zst", path: join(directory, "nowhere") };
  await expect(store.addBlob(missing)).rejects.toThrow("root.tar.zst was never made");
});

test("two publishers of the same image agree", async () => {
  const artefacts = [await addText("root.tar.zst", "root")];
  const [one, two] = await Promise.all([
    store.publish(manifestOf(artefacts), key),
    openStore(store.directory).publish(manifestOf(artefacts), key),
  ]);
  expect(one.id).toBe(two.id);
  expect((await store.list()).images).toHaveLength(1);
  expect(await store.verify(one.id)).toEqual([]);
});

test("publishing again repairs a damaged blob", async () => {
  const image = await publishText("root");
  writeFileSync(store.blobPath(sha256("root")), "r00t");
  expect(await store.verify(image.id)).not.toEqual([]);
  await publishText("root");
  expect(await store.verify(image.id)).toEqual([]);
});

describe("damage is found and named", () => {
  test("a flipped byte names the artefact", async () => {
    const image = await publishText("root");
    writeFileSync(store.blobPath(sha256("root")), "rooT");
    const [finding] = await store.verify(image.id);
    expect(finding).toMatchObject({
      code: "IMAGE_DAMAGED",
      where: `image ${image.id.slice(0, 12)}: root.tar.zst`,
      hint: "Build it again: imagectl build --os debian-12",
    });
    expect(finding?.message).toContain("SHA-256");
  });

  test("a blob cut short says how many bytes there are", async () => {
    const image = await publishText("root");
    truncateSync(store.blobPath(sha256("root")), 2);
    expect((await store.verify(image.id))[0]?.message).toBe("its blob has 2 bytes instead of 4");
  });

  test("a missing blob", async () => {
    const image = await publishText("root");
    rmSync(store.blobPath(sha256("root")));
    expect((await store.verify(image.id))[0]?.message).toBe("its blob is missing from the store");
    expect(await store.verify(image.id, [])).toHaveLength(1);
  });

  test("an altered manifest is not listed and says so", async () => {
    const image = await publishText("root");
    const path = join(store.directory, "images", `${image.id}.json`);
    writeFileSync(path, readFileSync(path, "utf8").replace("debian-12", "debian-13"));
    const { images, findings } = await store.list();
    expect(images).toEqual([]);
    expect(findings).toMatchObject([{ code: "IMAGE_DAMAGED" }]);
    await expect(store.show(image.id)).rejects.toMatchObject({ code: "IMAGE_DAMAGED" });
  });

  test("a manifest of another signer", async () => {
    const image = await publishText("root");
    const signature = join(store.directory, "images", `${image.id}.sig`);
    writeFileSync(signature, Buffer.alloc(64).toString("base64"));
    expect(await store.verify(image.id)).toMatchObject([{ code: "IMAGE_UNSIGNED" }]);
  });

  test("a missing signature, a missing key and a key that is none", async () => {
    const image = await publishText("root");
    const keyFile = join(store.directory, "manifest-key.pem");
    writeFileSync(keyFile, "no key");
    expect(await store.verify(image.id)).toMatchObject([{ code: "IMAGE_UNSIGNED" }]);
    rmSync(keyFile);
    expect((await store.verify(image.id))[0]?.message).toContain("public key is missing");
    rmSync(join(store.directory, "images", `${image.id}.sig`));
    expect((await store.verify(image.id))[0]?.message).toContain("signature file is missing");
  });

  test("a store that another key signs is not mixed with ours", async () => {
    await publishText("root");
    const artefacts = [await addText("root.tar.zst", "other")];
    await expect(store.publish(manifestOf(artefacts), newKey())).rejects.toMatchObject({
      code: "STORE_KEY_DIFFERS",
    });
  });
});

test("an unknown and an ambiguous id are refused with what to do", async () => {
  await expect(store.show("abcdef")).rejects.toMatchObject({ code: "IMAGE_UNKNOWN" });
  const ids = new Set<string>();
  for (let index = 0; index < 3; index += 1) ids.add((await publishText(`root ${index}`)).id);
  await expect(store.show([...ids][0]?.slice(0, 2) ?? "")).rejects.toMatchObject({ code: "IMAGE_UNKNOWN" });
});

describe("prune", () => {
  const later = () => new Date(Date.now() + 60_000);
  const blobsOf = (directory: string) => readdirSync(join(directory, "blobs/sha256"));

  test("takes only what no manifest names", async () => {
    const image = await publishText("kept");
    const gone = await publishText("gone");
    await store.remove(gone.id);
    expect(await store.prune(later())).toBeGreaterThanOrEqual("gone".length);
    expect(blobsOf(store.directory)).toEqual([sha256("kept")]);
    expect(await store.verify(image.id)).toEqual([]);
  });

  test("leaves what a builder may be about to name", async () => {
    await addText("root.tar.zst", "fresh");
    expect(await store.prune(new Date(Date.now() - 60_000))).toBe(0);
    expect(blobsOf(store.directory)).toEqual([sha256("fresh")]);
  });
});

test("a small blob is read whole, or not at all", async () => {
  const artefact = await addText("packages.lock", "lock");
  expect((await store.readBlob(artefact.sha256)).toString("utf8")).toBe("lock");
  writeFileSync(store.blobPath(artefact.sha256), "l0ck");
  await expect(store.readBlob(artefact.sha256)).rejects.toMatchObject({ code: "IMAGE_DAMAGED" });
  await expect(store.readBlob(sha256("none"))).rejects.toMatchObject({ code: "IMAGE_DAMAGED" });
});
