import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request as httpRequest, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sha256 } from "../../digest.ts";
import { artefactListener } from "./artefacts.ts";

const directory = mkdtempSync(join(tmpdir(), "artefacts-"));
const content = Buffer.from(
  Array.from({ length: 700_000 }, (_, index) => (index * 31 + (index >> 8)) & 0xff),
);
const digest = sha256(content);
const empty = sha256("");
const aDirectory = sha256("a directory where a file should be");
const logged: string[] = [];
const missed: [string, string][] = [];
let server: Server;
let base: string;

beforeAll(async () => {
  writeFileSync(join(directory, digest), content);
  writeFileSync(join(directory, empty), "");
  writeFileSync(join(directory, "secret"), "no artefact");
  mkdirSync(join(directory, aDirectory));
  const log = (message: string) => logged.push(message);
  const onMissing = (name: string, client: string) => missed.push([name, client]);
  server = createServer(artefactListener({ pathOf: (name) => join(directory, name), onMissing, log }));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
  rmSync(directory, { recursive: true });
});

const get = (path: string, headers: Record<string, string> = {}, method = "GET") =>
  fetch(`${base}${path}`, { method, headers });
const bytesOf = async (response: Response) => Buffer.from(await response.arrayBuffer());

describe("an artefact", () => {
  test("comes whole, with its digest as ETag, to be kept for ever", async () => {
    const response = await get(`/artefacts/${digest}`);
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-length": "700000",
      "content-type": "application/octet-stream",
      "accept-ranges": "bytes",
      "cache-control": "public, max-age=31536000, immutable",
      etag: `"${digest}"`,
    });
    expect(sha256(await bytesOf(response))).toBe(digest);
  });

  test("HEAD tells its size and sends nothing", async () => {
    const response = await get(`/artefacts/${digest}`, {}, "HEAD");
    expect([response.status, response.headers.get("content-length")]).toEqual([200, "700000"]);
    expect((await bytesOf(response)).length).toBe(0);
  });

  test("an empty one comes whole", async () => {
    const response = await get(`/artefacts/${empty}`);
    expect([response.status, response.headers.get("content-length")]).toEqual([200, "0"]);
  });

  test("an interrupted download is continued", async () => {
    const response = await get(`/artefacts/${digest}`, { range: "bytes=699000-" });
    expect(response.status).toBe(206);
    expect(response.headers.get("content-range")).toBe("bytes 699000-699999/700000");
    expect(response.headers.get("content-length")).toBe("1000");
    expect(Buffer.compare(await bytesOf(response), content.subarray(699_000))).toBe(0);
  });

  test.each<[string, Record<string, string>, number, number]>([
    ["If-Range with its ETag: the part", { "if-range": `"${digest}"`, range: "bytes=0-9" }, 206, 10],
    ["If-Range with another: the whole", { "if-range": `"${empty}"`, range: "bytes=0-9" }, 200, 700_000],
    ["several ranges: the whole", { range: "bytes=0-1,5-6" }, 200, 700_000],
    ["a range beyond the end: 416", { range: "bytes=700000-" }, 416, 0],
    ["If-None-Match with its ETag: 304", { "if-none-match": `"${digest}"` }, 304, 0],
  ])("%s", async (_name, headers, status, length) => {
    const response = await get(`/artefacts/${digest}`, headers);
    expect(response.status).toBe(status);
    expect((await bytesOf(response)).length).toBe(length);
    if (status === 416) expect(response.headers.get("content-range")).toBe("bytes */700000");
  });
});

describe("nothing else", () => {
  test.each([
    "/",
    "/artefacts",
    "/artefacts/",
    "/artefacts/secret",
    `/artefacts/${sha256("unknown")}`,
    `/artefacts/${digest.toUpperCase()}`,
    `/artefacts/${digest}/`,
    `/artefacts/${digest}?x`,
    `/artefacts/..%2f${digest}`,
    `//artefacts/${digest}`,
  ])("%s is 404", async (path) => {
    expect((await get(path)).status).toBe(404);
  });

  test.each(["POST", "PUT", "DELETE"])("%s is 405", async (method) => {
    const response = await get(`/artefacts/${digest}`, {}, method);
    expect([response.status, response.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  });

  test("who asks for one that is not there is told on, with their address", async () => {
    missed.length = 0;
    const gone = sha256("gone");
    expect((await get(`/artefacts/${gone}`)).status).toBe(404);
    expect(missed).toEqual([[gone, "127.0.0.1"]]);
  });

  test("a path that climbs is 404 also when the client does not tidy it up", async () => {
    const status = await new Promise((resolve) => {
      httpRequest(`${base}`, { path: `/artefacts/../artefacts/${digest}` }, (response) =>
        resolve(response.statusCode),
      ).end();
    });
    expect(status).toBe(404);
  });
});

describe("failures", () => {
  test("ours are 503 and a line of the log, never 404", async () => {
    const response = await get(`/artefacts/${aDirectory}`);
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("2");
    expect(logged.join("\n")).toContain("is not a file");
  });

  test("a client that goes away is not logged, and the next one is served", async () => {
    const before = logged.length;
    await new Promise<void>((resolve) => {
      const socket = connect((server.address() as AddressInfo).port, "127.0.0.1", () => {
        socket.write(`GET /artefacts/${digest} HTTP/1.1\r\nHost: x\r\n\r\n`);
        socket.once("data", () => socket.destroy());
        socket.once("close", () => resolve());
      });
    });
    expect((await bytesOf(await get(`/artefacts/${digest}`))).length).toBe(700_000);
    expect(logged.slice(before)).toEqual([]);
  });
});
