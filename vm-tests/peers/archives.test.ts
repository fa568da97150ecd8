/** Packages of another archive, by the real apt: taken where its key signed it, and refused where another did. */
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openApt, readSources } from "../../src/images/apt.ts";
import { findOperatingSystem } from "../../src/images/catalogue.ts";
import { openScratch } from "../../src/lab/scratch.ts";
import { formatBytes } from "../../src/quantity.ts";
import type { PackageArchive } from "../../src/roles/role.ts";
import { run } from "../../src/run.ts";
import { makeFlatArchive, packageName } from "../support/debian-archive.ts";
import { cache } from "../support/image.ts";

const scratch = openScratch({ cache, pid: process.pid });
let server: Server;
let pages: Map<string, string | Buffer>;
let archive: PackageArchive;
let strangersKey: string;
beforeAll(async () => {
  pages = await makeFlatArchive(scratch.folder("archive"));
  const sign = await makeKey("archive");
  strangersKey = (await makeKey("stranger")).publicKey;
  const release = join(scratch.folder("release"), "Release");
  writeFileSync(release, pages.get("Release") ?? "");
  await sign.clearSign(release, `${release}.signed`);
  pages.set("InRelease", readFileSync(`${release}.signed`));
  server = createServer((request, response) => {
    const page = pages.get(request.url?.replace(/^\/(\.\/)?/, "") ?? "");
    response.writeHead(page === undefined ? 404 : 200).end(page);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const uri = `http://127.0.0.1:${port}/`;
  archive = { name: "tools", uri, suite: "./", components: [], key: sign.publicKey };
});
afterAll(() => {
  server?.close();
  scratch.close();
});

/** Of its own home folder: nothing comes near this machine's keys. */
async function makeKey(name: string) {
  const home = scratch.folder(`${name}-gpg`);
  const gpg = (...words: readonly string[]) =>
    run("gpg", ["--homedir", home, "--batch", "--quiet", "--pinentry-mode", "loopback", ...words]);
  await gpg("--passphrase", "", "--quick-generate-key", `${name}@lab.invalid`, "ed25519", "sign", "never");
  return {
    publicKey: (await gpg("--armor", "--export")).stdout,
    clearSign: (from: string, to: string) => gpg("--clear-sign", "--output", to, from),
  };
}

function aptWith(other: PackageArchive) {
  const os = findOperatingSystem("debian-12");
  const folder = scratch.folder("apt");
  return openApt({
    ...{ os, archives: [other], cache: folder, onLine: () => {} },
    signal: new AbortController().signal,
  });
}

test("a package of it is locked beside the system's own, and fetched", async () => {
  const apt = await aptWith(archive);
  const packages = ["hostname", packageName];
  const lock = await apt.resolve({ os: "debian-12", packages, archives: [archive] }, new Date());
  const names = lock.packages.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(packages));
  const own = lock.packages.filter(({ name }) => name === packageName);
  expect(await apt.download({ ...lock, packages: own })).toMatch(/^1 packages, .* downloaded$/);
});

test("what its index names and it has not is named alone, and what else was fetched is not fetched again", async () => {
  const apt = await aptWith(archive);
  const lock = await apt.resolve(
    { os: "debian-12", packages: ["hostname", packageName], archives: [archive] },
    new Date(),
  );
  const two = lock.packages.filter(({ name }) => name === "hostname" || name === packageName);
  const kept = new Map(pages);
  for (const name of pages.keys()) if (name.endsWith(".deb")) pages.delete(name);
  await expect(apt.download({ ...lock, packages: two })).rejects.toThrow(
    expect.objectContaining({
      code: "PACKAGES_GONE",
      message: expect.stringMatching(new RegExp(`names: ${packageName} [^,]+$`)),
    }),
  );
  pages = kept;
  const own = two.filter(({ name }) => name === packageName);
  const bytes = formatBytes(own.reduce((sum, locked) => sum + locked.bytes, 0));
  expect(await apt.download({ ...lock, packages: two })).toBe(`2 packages, ${bytes} downloaded`);
});

test("one that another key signed is not believed", async () => {
  const forged = { ...archive, key: strangersKey };
  const apt = await aptWith(forged);
  const request = { os: "debian-12", packages: [packageName], archives: [forged] };
  await expect(apt.resolve(request, new Date())).rejects.toThrow(
    expect.objectContaining({ code: "PACKAGES_UNRESOLVED" }),
  );
});

test("sources of the operator's own folder are read beside this machine's, and need not be there", async () => {
  const folder = scratch.folder("sources");
  writeFileSync(join(folder, "a.sources"), "Types: deb\nURIs: http://m.invalid/ubuntu\nSuites: noble\n");
  writeFileSync(join(folder, "b.list"), "deb http://n.invalid/ubuntu noble main\n");
  const own = await readSources();
  const uris = (await readSources(folder)).flatMap((source) => source.uris);
  expect(uris.filter((uri) => uri.includes(".invalid"))).toEqual([
    "http://n.invalid/ubuntu",
    "http://m.invalid/ubuntu",
  ]);
  expect(uris).toHaveLength(own.flatMap((source) => source.uris).length + 2);
  expect(await readSources(join(folder, "missing"))).toEqual(own);
});
