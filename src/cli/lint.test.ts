/** `imagectl lint`: what a person, an editor and a program see of it. No state, no server, no root. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { cases, custom, customBios, plain } from "../cloud-init/lint/test-documents.ts";
import { runCaptured } from "./test-run.ts";

const scratch = mkdtempSync(join(tmpdir(), "imagectl-lint-"));
afterAll(() => rmSync(scratch, { recursive: true }));

const lint = (...argv: string[]) => runCaptured(["lint", ...argv], {});
const machine = join(cases, "machine.probe.json");

function fileOf(name: string, text: string): string {
  const file = join(scratch, name);
  writeFileSync(file, text);
  return file;
}
const good = fileOf("good", plain);
const wrong = fileOf("wrong", plain.replace("identity:", "identty:"));
const doubtful = fileOf("doubtful", plain.replace(/ {6}match.*\n/, ""));

test("a good document is exit code 0 and one line", async () => {
  expect(await lint(good)).toEqual({ code: 0, stdout: `${good}: no problems\n`, stderr: "" });
});

test("a finding is file:line:column, what happens and what to do, and exit code 2", async () => {
  const { code, stdout, stderr } = await lint(wrong);
  expect({ code, stderr }).toEqual({ code: 2, stderr: "" });
  expect(stdout).toContain(
    `${wrong}:3:3: error: unknown key identty: the installer ignores it without a word [KEY_UNKNOWN]\n    hint: Did you mean: identity\n`,
  );
  expect(stdout).toMatch(/: 2 errors, 0 warnings\n$/);
});

test("warnings alone do not fail", async () => {
  const { code, stdout } = await lint(doubtful);
  expect(code).toBe(0);
  expect(stdout).toMatch(/: warning: nothing says which disk .*\[DISK_UNCHOSEN\]/);
});

test("several documents at once, each with its own last line", async () => {
  const { code, stdout } = await lint(good, wrong);
  expect(code).toBe(2);
  expect(stdout).toContain(`${good}: no problems\n`);
  expect(stdout).toContain(`${wrong}: 2 errors, 0 warnings\n`);
});

test("--json is one document for programs", async () => {
  const { code, stdout } = await lint("--json", good, wrong);
  expect(code).toBe(2);
  expect(JSON.parse(stdout)).toMatchObject({
    files: [good, wrong],
    isValid: false,
    findings: [{ code: "KEY_MISSING" }, { code: "KEY_UNKNOWN", where: `${wrong}:3:3`, severity: "error" }],
  });
});

test("--machine, --release and --firmware are what it is held against", async () => {
  const other = fileOf("other", plain.replace("BOOT0001", "BOOT0007"));
  expect((await lint(other)).code).toBe(0);
  expect((await lint(other, "--machine", machine)).stdout).toContain("[DISK_NONE]");
  const bios = fileOf("bios", customBios);
  expect((await lint(bios, "--firmware", "bios")).stdout).toBe(`${bios}: no problems\n`);
  expect((await lint(bios, "--firmware", "uefi")).stdout).toContain("[BOOT_PARTITION_MISSING]");
  const newer = fileOf("newer", `${custom}  kernel-crash-dumps: {enabled: null}\n`);
  expect((await lint(newer)).code).toBe(2);
  expect((await lint(newer, "--release", "26.04")).code).toBe(0);
});

test("the part of the prober's output that an installed system keeps is a machine as well", async () => {
  const { storage } = JSON.parse(readFileSync(machine, "utf8"));
  const kept = fileOf("probe-data.json", JSON.stringify(storage));
  expect((await lint(good, "--machine", kept)).code).toBe(0);
});

test.each([
  [["/nowhere/user-data"], 1, "[AUTOINSTALL_UNREADABLE]"],
  [[good, "--machine", good], 1, "[INVENTORY_MALFORMED]"],
  [[good, "--machine", "/nowhere.json"], 1, "[AUTOINSTALL_UNREADABLE]"],
  [[good, "--release", "24.10"], 2, "[USAGE]"],
  [[good, "--firmware", "efi"], 2, "Did you mean: uefi"],
  [[], 2, "Usage: imagectl lint FILE"],
])("%j is exit code %d and %s", async (argv, code, says) => {
  const result = await lint(...argv);
  expect(result).toMatchObject({ code, stdout: "" });
  expect(result.stderr).toContain(says);
});
