/** `imagectl images`: what it prints of a store, for people and for programs, and with which exit code. */
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { sha256 } from "../digest.ts";
import { statePaths } from "../paths.ts";
import type { Image } from "../store/manifest.ts";
import { openStore } from "../store/store.ts";
import { runCaptured } from "./test-run.ts";

// Tests run as root, which may read everything.
vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof import("node:fs/promises")>();
  return { ...real, readdir: vi.fn(real.readdir) };
});

const scratch = mkdtempSync(join(tmpdir(), "imagectl-images-"));
const env = { IMAGECTL_STATE: join(scratch, "state") };
const store = openStore(statePaths(env).store);
let image: Image;

const imagectl = (...argv: string[]) => runCaptured(argv, { env });

test("a store of somebody else's is no defect of ours", async () => {
  const folder = statePaths({ IMAGECTL_STATE: join(scratch, "closed") }).store;
  vi.mocked(readdir).mockRejectedValueOnce(Object.assign(new Error("EACCES"), { code: "EACCES" }));
  await expect(openStore(folder).list()).rejects.toMatchObject({
    code: "STORE_UNREADABLE",
    hint: expect.stringContaining("sudo"),
  });
});

test("an empty store says what to do", async () => {
  expect(await imagectl("images", "list")).toEqual({
    code: 0,
    stdout: "no images yet: imagectl build\n",
    stderr: "",
  });
});

describe("a store with an image", () => {
  beforeAll(async () => {
    const path = join(scratch, "root");
    writeFileSync(path, "root");
    const { privateKey } = generateKeyPairSync("ed25519");
    image = await store.publish(
      {
        schema: 1,
        kind: "golden",
        os: "debian-12",
        arch: "amd64",
        planKey: sha256("plan"),
        key: sha256("key"),
        createdAt: "2026-01-02T03:04:05.000Z",
        artefacts: [await store.addBlob({ name: "root.tar.zst", path })],
        boot: [],
        rootBytes: 2_500_000,
      },
      String(privateKey.export({ type: "pkcs8", format: "pem" })),
    );
  });
  afterAll(() => rmSync(scratch, { recursive: true }));

  test("list is a table", async () => {
    const { code, stdout } = await imagectl("images", "list");
    expect(code).toBe(0);
    expect(stdout.split("\n")).toEqual([
      "IMAGE         OS         KIND    CREATED (UTC)     AGE    SIZE",
      expect.stringMatching(/^[0-9a-f]{12} {2}debian-12 {2}golden {2}2026-01-02 03:04 {2}[0-9]+ d +4 B$/),
      "",
    ]);
  });

  test("list --json has the manifests", async () => {
    const { stdout } = await imagectl("images", "list", "--json");
    expect(JSON.parse(stdout)).toEqual({ images: [image], findings: [] });
  });

  test("show names every artefact", async () => {
    const { code, stdout } = await imagectl("images", "show", image.id.slice(0, 8));
    expect(code).toBe(0);
    expect(stdout).toContain(`root.tar.zst             4 B  ${sha256("root")}`);
    expect(stdout).toContain("unpacked  2.5 MB");
  });

  test.each([[["verify"]], [["verify", "ID"]]])("%s finds it whole", async (words) => {
    const { code, stdout } = await imagectl(
      "images",
      ...words.map((word) => (word === "ID" ? image.id : word)),
    );
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: `image ${image.id.slice(0, 12)}: whole and signed\n`,
    });
  });

  test.each([[["frob"]], [["show"]], [["list", "x"]], [["prune", "x"]]])(
    "%j is a usage error that lists the words",
    async (words) => {
      const { code, stderr } = await imagectl("images", ...words);
      expect(code).toBe(2);
      expect(stderr).toContain("imagectl images list [--stale], show ID, verify [ID], remove ID, or prune");
    },
  );

  test("an unknown image is an error with a hint", async () => {
    const { code, stderr } = await imagectl("images", "show", "00000000");
    expect(code).toBe(1);
    expect(stderr).toContain("[IMAGE_UNKNOWN]");
    expect(stderr).toContain("hint: List them: imagectl images list");
  });

  test("a flipped byte: verify names the artefact and ends with 2", async () => {
    writeFileSync(store.blobPath(sha256("root")), "rooT");
    const { code, stdout } = await imagectl("images", "verify");
    expect(code).toBe(2);
    expect(stdout).toContain(`image ${image.id.slice(0, 12)}: root.tar.zst: error: its blob has SHA-256`);
    expect(stdout).toContain("hint: Build it again: imagectl build --os debian-12");
  });

  test("a removed image is no longer listed; its bytes stay until they are pruned", async () => {
    expect((await imagectl("images", "remove", image.id)).code).toBe(0);
    expect((await imagectl("images", "list")).stdout).toContain("no images yet");
    expect((await imagectl("images", "prune")).stdout).toBe("0 B freed\n");
  });
});

describe("build", () => {
  test("an OS without a recipe is refused with those that there are", async () => {
    const { code, stderr } = await imagectl("build", "--os", "beos-5");
    expect(code).toBe(1);
    expect(stderr).toContain("Use one of: debian-12");
  });
});
