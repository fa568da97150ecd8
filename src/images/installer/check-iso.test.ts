/** The six wrong files, each with its own error; the right one passes. The ISO is a stand-in, its key the test's. */
import {
  appendFileSync,
  copyFileSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ImagectlError } from "../../errors.ts";
import { checkIso, requireFiles, requireSum } from "./check-iso.ts";
import type { Installer } from "./installers.ts";
import { hashIso } from "./iso-file.ts";
import { makeIso, makeKey, signedBy, signSums, type TestKey } from "./stand-in.test-data.ts";

const { signal } = new AbortController();
const name = "ubuntu-22.04.5-live-server-amd64.iso";
let folder: string;
let key: TestKey;
let otherKey: TestKey;
let installer: Installer;
let iso: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "check-iso-"));
  [key, otherKey] = await Promise.all([makeKey("Test CD key"), makeKey("Somebody else")]);
  installer = signedBy("ubuntu-22.04", key);
  iso = await makeIso(folder, { version: "22.04.5" });
  await signSums(folder, [iso], key);
});

afterAll(async () => {
  await Promise.all([key.close(), otherKey.close()]);
  rmSync(folder, { recursive: true });
});

/** @returns a folder with a copy of the right ISO and its signed sums. */
function copyOfAll(): string {
  const copy = mkdtempSync(join(folder, "copy-"));
  for (const file of [name, "SHA256SUMS", "SHA256SUMS.gpg"])
    copyFileSync(join(folder, file), join(copy, file));
  return copy;
}

const check = (file: string, of: Installer = installer, sums?: string) =>
  checkIso({ file, sums }, { installer: of, architecture: "amd64" }, signal);

async function refusal(checked: Promise<unknown>): Promise<ImagectlError> {
  const error = await checked.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ImagectlError);
  return error as ImagectlError;
}

test("the right ISO passes, and its sum is the signed one", async () => {
  const checked = await check(iso);
  expect(checked).toMatchObject({ name, info: { version: "22.04.5" } });
  const read: number[] = [];
  const sum = await hashIso(iso, { onBytes: (bytes) => read.push(bytes), signal });
  expect(() => requireSum(checked, iso, sum)).not.toThrow();
  expect(() => requireFiles(installer, checked)).not.toThrow();
  expect(read.at(-1)).toBe(checked.iso.bytes);
});

test("it may have any name, and its sums may lie elsewhere", async () => {
  const copy = copyOfAll();
  renameSync(join(copy, name), join(copy, "jammy.iso"));
  rmSync(join(copy, "SHA256SUMS"));
  await expect(check(join(copy, "jammy.iso"), installer, join(folder, "SHA256SUMS"))).resolves.toMatchObject({
    name,
  });
});

describe("no ISO at all", () => {
  test.each([
    ["a web page", "<html><body>Not found</body></html>", "a web page"],
    ["text that is long enough", "x".repeat(40_000), "is no ISO image"],
  ])("%s", async (_name, content, message) => {
    const file = join(folder, "page.iso");
    writeFileSync(file, content);
    expect(await refusal(check(file))).toMatchObject({
      code: "ISO_UNKNOWN",
      message: expect.stringContaining(message),
    });
  });

  test("an ISO without .disk/info", async () => {
    const copy = mkdtempSync(join(folder, "bare-"));
    const bare = await makeIso(copy, { version: "22.04.5", without: [".disk/info"] });
    expect(await refusal(check(bare))).toMatchObject({
      code: "ISO_UNKNOWN",
      message: expect.stringContaining("it has no .disk/info"),
    });
  });

  test.each([
    ["that is not there", "no-such.iso", "ENOENT"],
    ["that is a folder", ".", "no file"],
  ])("one %s", async (_name, file, message) => {
    expect(await refusal(check(join(folder, file)))).toMatchObject({
      code: "ISO_UNREADABLE",
      message: expect.stringContaining(message),
    });
  });
});

test("an altered ISO: its sum is not the signed one", async () => {
  const copy = copyOfAll();
  const bytes = readFileSync(join(copy, name));
  bytes[bytes.length - 10] = (bytes.at(-10) ?? 0) ^ 1;
  writeFileSync(join(copy, name), bytes);
  const checked = await check(join(copy, name));
  const sum = await hashIso(join(copy, name), { onBytes: () => {}, signal });
  expect(await refusal(Promise.resolve().then(() => requireSum(checked, "jammy.iso", sum)))).toMatchObject({
    code: "ISO_ALTERED",
    message: expect.stringContaining(`instead of ${checked.sha256}`),
  });
});

test("an ISO whose directories are damaged is told before anything is hashed", async () => {
  const copy = copyOfAll();
  const bytes = readFileSync(join(copy, name));
  writeFileSync(join(copy, name), bytes.fill(0xff, 34_816, 60_000));
  expect(await refusal(check(join(copy, name)))).toMatchObject({
    code: "ISO_ALTERED",
    message: expect.stringContaining("its directories cannot be read"),
  });
});

test.each([
  ["in the middle", 300_000],
  ["before its header", 20_000],
])("an ISO that ends %s is told before anything is hashed", async (_name, bytes) => {
  const copy = copyOfAll();
  truncateSync(join(copy, name), bytes);
  expect(await refusal(check(join(copy, name)))).toMatchObject({
    code: "ISO_CUT_SHORT",
    hint: expect.stringContaining("curl -C -"),
  });
});

describe("nobody vouches for it", () => {
  const fetch =
    "curl -fLO https://releases.ubuntu.com/22.04/SHA256SUMS -O https://releases.ubuntu.com/22.04/SHA256SUMS.gpg";

  test.each(["SHA256SUMS", "SHA256SUMS.gpg"])("%s is missing", async (missing) => {
    const copy = copyOfAll();
    rmSync(join(copy, missing));
    expect(await refusal(check(join(copy, name)))).toMatchObject({
      code: "ISO_UNSIGNED",
      message: expect.stringContaining(`${join(copy, missing)} is missing`),
      hint: expect.stringContaining(fetch),
    });
  });

  test("another key signed", async () => {
    const copy = copyOfAll();
    await signSums(copy, [join(copy, name)], otherKey);
    expect(await refusal(check(join(copy, name)))).toMatchObject({
      code: "ISO_UNSIGNED",
      message: expect.stringContaining("and not by Test CD key"),
    });
  });

  test("another key signed, which is in the same keyring", async () => {
    const both = {
      ...installer,
      signingKey: { ...otherKey, fingerprint: key.fingerprint, owner: key.owner },
    };
    const copy = copyOfAll();
    await signSums(copy, [join(copy, name)], otherKey);
    expect(await refusal(check(join(copy, name), both))).toMatchObject({
      code: "ISO_UNSIGNED",
      message: expect.stringContaining(`signed by the key ${otherKey.fingerprint}`),
    });
  });

  test("the list was changed after it was signed", async () => {
    const copy = copyOfAll();
    appendFileSync(
      join(copy, "SHA256SUMS"),
      `${"0".repeat(64)} *another.iso
`,
    );
    const error = await refusal(check(join(copy, name)));
    expect(error).toMatchObject({ code: "ISO_UNSIGNED", message: expect.stringContaining("it was changed") });
  });

  test("the ISO was named in place of the list", async () => {
    const large = join(folder, "large");
    writeFileSync(large, "");
    truncateSync(large, 2_000_000);
    const error = await refusal(check(iso, installer, large));
    expect(error).toMatchObject({
      code: "ISO_UNSIGNED",
      message: expect.stringContaining("is no list of sums: it has 2.0 MB"),
      hint: expect.stringContaining("--sums FILE"),
    });
  });

  test("the signature is none", async () => {
    const copy = copyOfAll();
    writeFileSync(join(copy, "SHA256SUMS.gpg"), "hello\n");
    const error = await refusal(check(join(copy, name)));
    expect(error).toMatchObject({
      code: "ISO_UNSIGNED",
      message: expect.stringContaining("holds no signature"),
    });
  });

  test("the list is that of another point release", async () => {
    const copy = copyOfAll();
    const newer = await makeIso(copy, { version: "22.04.6" });
    expect(await refusal(check(newer))).toMatchObject({
      code: "ISO_UNSIGNED",
      message: expect.stringContaining("no line for ubuntu-22.04.6-live-server-amd64.iso"),
      hint: expect.stringContaining("https://old-releases.ubuntu.com/releases/22.04.6/"),
    });
  });
});

describe("the wrong ISO, by what it says of itself; it is told without its sums", () => {
  test.each([
    ["another release", { version: "24.04.3" }, "ISO_OTHER_RELEASE", "ubuntu-22.04 was asked for"],
    ["an interim release", { version: "22.10" }, "ISO_OTHER_RELEASE", "Ubuntu-Server 22.10"],
    [
      "a desktop",
      { version: "22.04.5", edition: "Ubuntu" },
      "ISO_OTHER_EDITION",
      "is Ubuntu 22.04.5 for amd64",
    ],
    [
      "arm64",
      { version: "22.04.5", architecture: "arm64" },
      "ISO_OTHER_ARCHITECTURE",
      "nodes are amd64 machines",
    ],
  ])("%s", async (_name, standIn, code, message) => {
    const copy = mkdtempSync(join(folder, "wrong-"));
    expect(await refusal(check(await makeIso(copy, standIn)))).toMatchObject({
      code,
      message: expect.stringContaining(message),
      hint: expect.stringContaining(`https://releases.ubuntu.com/22.04/ (${name}`),
    });
  });
});

test("an ISO of another release that is known can be stored as that", async () => {
  const copy = mkdtempSync(join(folder, "other-"));
  expect(await refusal(check(await makeIso(copy, { version: "24.04.3" })))).toMatchObject({
    hint: expect.stringContaining("Store it as what it is: --os ubuntu-24.04. Or: Get the right one"),
  });
});

test("an ISO of a layout that is not known: each file that it lacks is named", async () => {
  const copy = mkdtempSync(join(folder, "odd-"));
  const without = ["casper/initrd", "casper/ubuntu-server-minimal.squashfs"];
  const odd = await makeIso(copy, { version: "22.04.5", without });
  await signSums(copy, [odd], key);
  const checked = await check(odd);
  expect(() => requireFiles(installer, checked)).toThrow(
    expect.objectContaining({
      code: "ISO_INCOMPLETE",
      message: `${name} lacks casper/initrd, casper/ubuntu-server-minimal.squashfs`,
    }),
  );
});
