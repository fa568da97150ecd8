/** `imagectl selftest --iso FILE`: a table for people, a report to send, and an exit code. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Installer } from "../images/installer/installers.ts";
import {
  makeIso,
  makeKey,
  signedBy,
  signSums,
  type TestKey,
} from "../images/installer/stand-in.test-data.ts";
import { selftest } from "./selftest.ts";
import { captureIo, runCaptured } from "./test-run.ts";

const folder = mkdtempSync(join(tmpdir(), "selftest-"));
const out = join(folder, "report.json");
let key: TestKey;
let known: readonly Installer[];
let iso: string;

beforeAll(async () => {
  key = await makeKey("Test CD key");
  known = [signedBy("ubuntu-22.04", key)];
  iso = await makeIso(folder, { version: "22.04.5" });
  await signSums(folder, [iso], key);
});
afterAll(async () => {
  await key.close();
  rmSync(folder, { recursive: true });
});

test("an ISO that is as believed", async () => {
  const { io, said } = captureIo({});
  expect(await selftest(known, { iso, out }, io)).toBe(0);
  expect(said.stdout).toMatch(/^holds {2}it is the live server's \(Ubuntu-Server\) /m);
  expect(said.stdout).toMatch(/^[0-9]+ hold, 0 differ, 0 unknown$/m);
  expect(said.stdout).toContain(`The report is ${out}`);
});

test("its report has every fact, what is in the ISO, and nothing of this machine", async () => {
  const { io, said } = captureIo({});
  await selftest(known, { iso, out, json: true }, io);
  const text = readFileSync(out, "utf8");
  expect(said.stdout).toBe(text);
  const report = JSON.parse(text);
  expect(report).toMatchObject({
    schema: 1,
    os: "ubuntu-22.04",
    iso: { officialName: "ubuntu-22.04.5-live-server-amd64.iso", version: "22.04.5", architecture: "amd64" },
    packages: 0,
  });
  expect(Object.keys(report.files)).toContain("casper/vmlinuz");
  expect(text).not.toContain(folder);
});

test("with the real key the stand-in is signed by nobody, and that is no difference but a thing not known", async () => {
  const { code, stdout } = await runCaptured(["selftest", "--iso", iso, "--out", out], {});
  expect(code).toBe(0);
  expect(stdout).toMatch(/^unknown {2}its sum is signed by the pinned key .* and not by Ubuntu CD Image/m);
});

test("a difference is exit code 2", async () => {
  const place = mkdtempSync(join(folder, "odd-"));
  const odd = await makeIso(place, { version: "22.04.5", without: ["casper/install-sources.yaml"] });
  const { code, stdout } = await runCaptured(["selftest", "--iso", odd, "--out", out], {});
  expect(code).toBe(2);
  expect(stdout).toMatch(/^differs {2}it has casper\/install-sources\.yaml$/m);
});

test.each([
  [[], 2, "[USAGE]"],
  [["--iso", "/no/such.iso"], 1, "[ISO_UNREADABLE]"],
  [["--iso", "ISO", "--out", "/no/such/folder/x.json"], 1, "[OUTPUT_NOT_WRITTEN]"],
])("selftest %j is refused", async (words, code, said) => {
  const given = words.map((word) => (word === "ISO" ? iso : word));
  expect(await runCaptured(["selftest", ...given], {})).toMatchObject({
    code,
    stderr: expect.stringContaining(said),
  });
  expect(existsSync("selftest-22.04.5.json")).toBe(false);
});
