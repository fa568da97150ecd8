/** `imagectl build --os ubuntu-22.04 --iso FILE` on a stand-in, and what the store's commands make of it. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Installer } from "../images/installer/installers.ts";
import {
  makeIso,
  makeKey,
  type StandIn,
  signedBy,
  signSums,
  type TestKey,
} from "../images/installer/stand-in.test-data.ts";
import { packageRoot, statePaths } from "../paths.ts";
import { type Artefact, hasDeployEnvironment, type Image } from "../store/manifest.ts";
import { openStore } from "../store/store.ts";
import { storeInstaller } from "./build-installer.ts";
import type { CommandIo } from "./command.ts";
import { captureIo, runCaptured } from "./test-run.ts";

const folder = mkdtempSync(join(tmpdir(), "build-installer-"));
const env = { IMAGECTL_STATE: join(folder, "state"), IMAGECTL_CACHE: join(folder, "cache") };
const imagectl = (...argv: string[]) => runCaptured(argv, { env });
/** The real one is built of packages: a test of level 4. */
const makeEnvironment = (): Promise<Artefact> => {
  const path = join(folder, "environment");
  writeFileSync(path, "of packages");
  return openStore(statePaths(env).store).addBlob({ name: "deploy-environment.tar.gz", path });
};
const store = (values: Parameters<typeof storeInstaller>[1], io: CommandIo) =>
  storeInstaller(installer, values, io, makeEnvironment);
let key: TestKey;
let installer: Installer;
let iso: string;

beforeAll(async () => {
  key = await makeKey("Test CD key");
  installer = signedBy("ubuntu-22.04", key);
  iso = await makeIso(folder, { version: "22.04.5" });
  await signSums(folder, [iso], key);
});
afterAll(async () => {
  await key.close();
  rmSync(folder, { recursive: true });
});

describe("what cannot be typed", () => {
  test.each([
    ["an ISO without a system", ["--iso", "x.iso"], "--iso and --sums need --os"],
    [
      "an ISO for a system that is made of packages",
      ["--os", "debian-12", "--iso", "x.iso"],
      "is made of packages, not of an ISO",
    ],
    [
      "an ISO for a golden image",
      ["--os", "ubuntu-24.04", "--method", "golden", "--iso", "x.iso"],
      "a golden image of ubuntu-24.04 is made of packages, not of an ISO",
    ],
  ])("%s", async (_name, words, message) => {
    const { code, stderr } = await imagectl("build", ...words);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(message) });
    expect(stderr).toContain("imagectl build --os ubuntu-22.04|ubuntu-24.04|ubuntu-26.04 --iso FILE");
  });

  test("with the real key, the stand-in is not signed", async () => {
    const { code, stderr } = await imagectl("build", "--os", "ubuntu-22.04", "--iso", iso);
    expect(code).toBe(1);
    expect(stderr).toContain("and not by Ubuntu CD Image Automatic Signing Key (2012) [ISO_UNSIGNED]");
    expect(stderr).toContain(
      "hint: Bring both, in that folder: curl -fLO https://releases.ubuntu.com/22.04/SHA256SUMS",
    );
  });
});

describe("wrong files, each with its own error, and nothing in the store", () => {
  async function signedIso(place: string, standIn: StandIn): Promise<string> {
    const file = await makeIso(place, standIn);
    await signSums(place, [file], key);
    return file;
  }

  /** Each makes the wrong file in a folder, with sums that are signed where it is not about them. */
  const wrong: Readonly<Record<string, (place: string) => Promise<string>>> = {
    ISO_UNKNOWN: async (place) => {
      writeFileSync(join(place, "page.iso"), "<!DOCTYPE html><title>Download Ubuntu Server</title>");
      return join(place, "page.iso");
    },
    ISO_ALTERED: async (place) => {
      const file = await signedIso(place, { version: "22.04.5" });
      const bytes = readFileSync(file);
      bytes[bytes.length - 1] = 1 ^ (bytes.at(-1) ?? 0);
      writeFileSync(file, bytes);
      return file;
    },
    ISO_CUT_SHORT: async (place) => {
      const file = await signedIso(place, { version: "22.04.5" });
      truncateSync(file, 200_000);
      return file;
    },
    ISO_UNSIGNED: (place) => makeIso(place, { version: "22.04.5" }),
    ISO_OTHER_RELEASE: (place) => signedIso(place, { version: "24.04.3" }),
    ISO_OTHER_EDITION: (place) => signedIso(place, { version: "22.04.5", edition: "Ubuntu" }),
    ISO_OTHER_ARCHITECTURE: (place) => signedIso(place, { version: "22.04.5", architecture: "arm64" }),
  };

  test.each(Object.entries(wrong))("%s", async (code, make) => {
    const place = mkdtempSync(join(folder, "wrong-"));
    const iso = await make(place);
    const { io } = captureIo({ env });
    await expect(store({ iso }, io)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(place),
      hint: expect.stringMatching(/\S/),
    });
    expect((await openStore(statePaths(env).store).list()).images).toEqual([]);
    expect(existsSync(join(folder, "cache/installers/scratch"))).toBe(false);
  });
});

describe("a stand-in that is signed", () => {
  let image: Image;
  let said: string;

  beforeAll(async () => {
    const { io, said: output } = captureIo({ env });
    expect(await store({ iso }, io)).toBe(0);
    said = output.stderr;
    const { images } = await openStore(statePaths(env).store).list();
    expect(images).toHaveLength(1);
    image = images[0] as Image;
  });

  test("is stored, and the operator is told how a node gets it", () => {
    expect(said).toContain("as signed");
    expect(said).toContain("Linux 5.15.0-119-generic");
    expect(said).toContain("os: ubuntu-22.04");
    expect(existsSync(join(folder, "cache/installers/scratch"))).toBe(false);
  });

  test("is listed, shown and verified", async () => {
    expect((await imagectl("images")).stdout).toContain("ubuntu-22.04  installer");
    const { stdout } = await imagectl("images", "show", image.id);
    expect(stdout).toContain("kind      installer");
    expect(stdout).toContain("ubuntu-22.04.5-live-server-amd64.iso");
    expect(stdout).toContain("bios-x86 from 6144 MiB, uefi-x64 from 6144 MiB");
    expect((await imagectl("images", "verify")).stdout).toContain("whole and signed");
  });

  test("has no packages of ours that could be stale", async () => {
    const cluster = join(packageRoot, "examples/cluster.yaml");
    const { code, stdout, stderr } = await imagectl("images", "list", "--stale", "--cluster", cluster);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("not asked: its vendor makes new ones");
  });

  test("is not pruned, however old; superseded ones are", async () => {
    const { code, stdout } = await imagectl("images", "prune", "--older-than", "1s", "--dry-run");
    expect({ code, stdout }).toEqual({ code: 0, stdout: "0 B would become free\n" });
  });

  test("serves no rescue: it has no deploy environment", () => {
    expect(hasDeployEnvironment(image)).toBe(false);
  });

  test("is found up to date the next time, as JSON too", async () => {
    const { io, said: output } = captureIo({ env });
    expect(await store({ iso, json: true }, io)).toBe(0);
    const events = output.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(events.at(-1)).toMatchObject({ kind: "up-to-date", id: image.id });
    expect(output.stderr).toBe("");
  });

  test("and sums may be named", async () => {
    const elsewhere = join(folder, "elsewhere");
    mkdirSync(elsewhere);
    copyFileSync(iso, join(elsewhere, "jammy.iso"));
    const { io } = captureIo({ env });
    const values = { iso: join(elsewhere, "jammy.iso"), sums: join(folder, "SHA256SUMS") };
    expect(await store(values, io)).toBe(0);
  });
});
