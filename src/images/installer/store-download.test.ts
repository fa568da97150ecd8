/** Downloads from a server of the test: whole, in parts, over a line that breaks, and what must not be kept. */
import { generateKeyPairSync } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openStore, type Store } from "../../store/store.ts";
import { type BuildEvent, describeBuildEvent } from "../build-event.ts";
import type { Wanted } from "./identity.ts";
import { makeIso, makeKey, signedBy, signSums, type TestKey } from "./stand-in.test-data.ts";
import { storeFromDownload } from "./store-download.ts";
import type { InstallerBench } from "./store-installer.ts";

const name = "ubuntu-22.04.5-live-server-amd64.iso";
const signingKeyPem = String(
  generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }),
);

let folder: string;
let key: TestKey;
let bytes: Buffer;
let server: Server;
let wanted: Wanted;

/** What the server does with a request; the default gives files and ranges of them. */
type Answer = (request: IncomingMessage, response: ServerResponse) => void;
let answer: Answer;
let asked: string[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "store-download-"));
  key = await makeKey("Test CD key");
  const published = join(folder, "published");
  mkdirSync(published);
  const iso = await makeIso(published, { version: "22.04.5" });
  bytes = readFileSync(iso);
  await signSums(published, [iso], key);
  server = createServer((request, response) => {
    asked.push(`${request.url} ${request.headers.range ?? ""}`.trim());
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const current = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const installer = signedBy("ubuntu-22.04", key);
  wanted = { installer: { ...installer, places: { ...installer.places, current } }, architecture: "amd64" };
});
afterAll(async () => {
  server.close();
  await key.close();
  rmSync(folder, { recursive: true });
});

let place: string;
let store: Store;
let events: BuildEvent[];

beforeEach(() => {
  place = mkdtempSync(join(folder, "place-"));
  store = openStore(join(place, "store"));
  events = [];
  asked = [];
  answer = giveFile;
});
afterEach(() => rmSync(place, { recursive: true }));

const giveFile: Answer = (request, response) => {
  const content = readFileSync(join(folder, "published", request.url ?? ""));
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
  if (request.headers.range === undefined) {
    response.writeHead(200, { "content-length": content.length }).end(content);
  } else if (from >= content.length) {
    response.writeHead(416, { "content-range": `bytes */${content.length}` }).end();
  } else {
    const range = `bytes ${from}-${content.length - 1}/${content.length}`;
    const rest = content.subarray(from);
    response.writeHead(206, { "content-range": range, "content-length": rest.length }).end(rest);
  }
};

/** Gives the ISO otherwise, and the sums as they are. */
function giveIso(otherwise: Answer): Answer {
  return (request, response) =>
    request.url?.endsWith(".iso") === true ? otherwise(request, response) : giveFile(request, response);
}

const downloads = () => join(place, "downloads");

function store22({ of = wanted, isUpdate = false, signal = new AbortController().signal } = {}) {
  const scratch = mkdtempSync(join(place, "scratch-"));
  const onEvent = (event: BuildEvent) => events.push(event);
  const makeEnvironment = async () => {
    writeFileSync(join(scratch, "environment"), "of packages");
    return store.addBlob({ name: "installer-environment.tar.gz", path: join(scratch, "environment") });
  };
  const now = () => new Date();
  const bench: InstallerBench = { store, signingKeyPem, scratch, now, signal, onEvent, makeEnvironment };
  return storeFromDownload(of, { folder: downloads(), isUpdate, pauseMs: 1 }, bench);
}

/** As an earlier download left it. */
function leaveBehind(content: Uint8Array, file = name): void {
  mkdirSync(downloads(), { recursive: true });
  writeFileSync(join(downloads(), file), content);
}

async function expectStored(image: Awaited<ReturnType<typeof store22>>): Promise<void> {
  expect(await store.verify(image.id)).toEqual([]);
  expect(image.manifest.artefacts[0]).toMatchObject({ name, bytes: bytes.length });
  expect(readdirSync(downloads())).toEqual([]);
}

test("the newest ISO comes into the store, and nothing of it stays elsewhere", async () => {
  await expectStored(await store22());
  expect(asked.sort()).toEqual(["/SHA256SUMS", "/SHA256SUMS.gpg", `/${name}`]);
  const lines = events.map(describeBuildEvent).filter((line) => line !== undefined);
  expect(lines.map((line) => line.replace(/ {2,}[0-9.]+ s/, "").replace(/ {2,}/g, " "))).toEqual([
    expect.stringMatching(/^ubuntu-22\.04 installer: from http:/),
    ` 1/5 ask which is the newest ${name}`,
    expect.stringMatching(/^ 2\/5 download it \d+ kB$/),
    " 3/5 compare its SHA-256 as signed",
    " 4/5 take kernel and initrd Linux 5.15.0-119-generic",
    expect.stringMatching(/^ 5\/5 publish \d+ kB$/),
    expect.stringMatching(/published image/),
  ]);
  expect(events).toContainEqual(expect.objectContaining({ kind: "step-progress", index: 2, percent: 100 }));
});

test("one that is there is not asked for again, but for a newer one on demand", async () => {
  const first = await store22();
  asked = [];
  expect(await store22()).toEqual(first);
  expect(asked).toEqual([]);
  expect(await store22({ isUpdate: true })).toEqual(first);
  expect(asked.sort()).toEqual(["/SHA256SUMS", "/SHA256SUMS.gpg"]);
});

describe("it goes on where it ended", () => {
  test("with what an earlier one left", async () => {
    leaveBehind(bytes.subarray(0, 100_000));
    await expectStored(await store22());
    expect(asked).toContain(`/${name} bytes=100000-`);
  });

  test("with nothing, where an earlier one had all of it", async () => {
    leaveBehind(bytes);
    await expectStored(await store22());
    expect(asked).toContain(`/${name} bytes=${bytes.length}-`);
  });

  test("when the line breaks, as often as it brings something", async () => {
    answer = giveIso((request, response) => {
      const from = Number(/=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
      if (from + 40_000 >= bytes.length) return giveFile(request, response);
      const range = { "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` };
      response.writeHead(from === 0 ? 200 : 206, { ...range, "content-length": bytes.length - from });
      // What has not been read when the line breaks is lost with it.
      response.write(bytes.subarray(from, from + 40_000), () => setTimeout(() => response.destroy(), 100));
    });
    await expectStored(await store22());
    expect(asked.length).toBeGreaterThan(8);
  });

  test("from the beginning, where the server gives no ranges", async () => {
    leaveBehind(Buffer.from("some other beginning"));
    answer = giveIso((_request, response) => {
      response.writeHead(200, { "content-length": bytes.length }).end(bytes);
    });
    await expectStored(await store22());
  });

  test("from the beginning, where more is there than the file has", async () => {
    leaveBehind(Buffer.concat([bytes, bytes]));
    await expectStored(await store22());
    expect(asked.at(-1)).toBe(`/${name}`);
  });

  test("but not with the beginning of an older point release", async () => {
    leaveBehind(Buffer.from("old"), "ubuntu-22.04.4-live-server-amd64.iso");
    leaveBehind(Buffer.from("another system's"), "ubuntu-24.04.3-live-server-amd64.iso");
    await store22();
    expect(readdirSync(downloads())).toEqual(["ubuntu-24.04.3-live-server-amd64.iso"]);
  });
});

describe("it is given up", () => {
  test("when nobody is there, with the way out", async () => {
    const places = { current: "http://127.0.0.1:9/", old: "http://127.0.0.1:9/old/" };
    const refusal = store22({ of: { ...wanted, installer: { ...wanted.installer, places } } });
    await expect(refusal).rejects.toMatchObject({
      code: "DOWNLOAD_FAILED",
      message: expect.stringContaining("http://127.0.0.1:9/SHA256SUMS"),
      hint: expect.stringContaining("--iso FILE"),
    });
  });

  test("when the ISO has moved", async () => {
    answer = giveIso((_request, response) => response.writeHead(404).end("gone"));
    await expect(store22()).rejects.toMatchObject({
      code: "DOWNLOAD_FAILED",
      message: expect.stringMatching(/\.iso answers with 404$/),
    });
  });

  test("when the line breaks and brings nothing any more; what came stays", async () => {
    leaveBehind(bytes.subarray(0, 50_000));
    answer = giveIso((_request, response) => response.destroy());
    await expect(store22()).rejects.toMatchObject({ code: "DOWNLOAD_FAILED" });
    expect(readFileSync(join(downloads(), name))).toHaveLength(50_000);
    expect(asked.filter((line) => line.includes(".iso"))).toHaveLength(5);
  });

  test("when the disk is too small, before a byte is written", async () => {
    answer = giveIso((_request, response) => {
      response.writeHead(200, { "content-length": 1e15 });
      response.write("x");
    });
    await expect(store22()).rejects.toMatchObject({
      code: "DISK_SPACE_LOW",
      message: expect.stringContaining("a build needs 1000 TB"),
      hint: expect.stringContaining("IMAGECTL_CACHE"),
    });
    expect(existsSync(join(downloads(), name))).toBe(false);
  });

  test("when it is interrupted; what came stays", async () => {
    const controller = new AbortController();
    answer = giveIso((_request, response) => {
      response.writeHead(200, { "content-length": bytes.length });
      response.write(bytes.subarray(0, 60_000), () => setTimeout(() => controller.abort(), 50));
    });
    await expect(store22({ signal: controller.signal })).rejects.toMatchObject({ code: "BUILD_INTERRUPTED" });
    expect(readFileSync(join(downloads(), name)).length).toBeGreaterThan(0);
  });
});

describe("nothing that is wrong is kept, so that the next try begins anew", () => {
  const gone = { hint: expect.stringContaining("What was downloaded is removed") };

  test("an ISO with other bytes", async () => {
    const altered = Buffer.from(bytes);
    altered[altered.length - 1] = 1 ^ (altered.at(-1) ?? 0);
    answer = giveIso((_request, response) => {
      response.writeHead(200, { "content-length": altered.length }).end(altered);
    });
    await expect(store22()).rejects.toMatchObject({ code: "ISO_ALTERED", ...gone });
    expect(readdirSync(downloads())).toEqual([]);
    expect((await store.list()).images).toEqual([]);
  });

  test("the page of a captive portal", async () => {
    const page = `<!DOCTYPE html>${" ".repeat(50_000)}`;
    answer = giveIso((_request, response) => {
      response.writeHead(200, { "content-length": page.length }).end(page);
    });
    await expect(store22()).rejects.toMatchObject({
      code: "ISO_UNKNOWN",
      message: expect.stringContaining("but a web page"),
      ...gone,
    });
    expect(readdirSync(downloads())).toEqual([]);
  });
});

describe("sums that cannot be relied on end it before the ISO is asked for", () => {
  test.each([
    ["altered", (text: string) => text.replace(/^[0-9a-f]{4}/, "dead"), "it was changed"],
    ["a web page", () => "<html>hello</html>", "it was changed"],
  ])("%s", async (_name, change, message) => {
    answer = (request, response) => {
      if (request.url !== "/SHA256SUMS") return giveFile(request, response);
      const text = change(readFileSync(join(folder, "published/SHA256SUMS"), "utf8"));
      response.writeHead(200, { "content-length": text.length }).end(text);
    };
    await expect(store22()).rejects.toMatchObject({
      code: "ISO_UNSIGNED",
      message: expect.stringContaining(message),
    });
    expect(asked.filter((line) => line.includes(".iso"))).toEqual([]);
  });

  test("those of a folder without this release", async () => {
    const refusal = store22({ of: { ...wanted, installer: { ...wanted.installer, release: "20.04" } } });
    await expect(refusal).rejects.toMatchObject({
      code: "DOWNLOAD_FAILED",
      message: expect.stringContaining("lists no live server of 20.04 for amd64"),
    });
  });
});
