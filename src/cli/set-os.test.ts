/** `imagectl set-os` on a real file: what is written, what is not, and what it says. */
import {
  chmodSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { replaceClusterFile } from "../cluster/file.ts";
import { packageRoot } from "../paths.ts";
import { runCaptured } from "./test-run.ts";

// Two systems, whatever the catalogue has: a name is all that counts here.
vi.mock("../images/catalogue.ts", async (original) => {
  const real = await original<typeof import("../images/catalogue.ts")>();
  const [first] = real.operatingSystems;
  return { ...real, operatingSystems: [first, { ...first, id: "debian-99" }] };
});

const sample = readFileSync(join(packageRoot, "examples/cluster.yaml"), "utf8");
let folder: string;
let file: string;

const imagectl = (...argv: string[]) => runCaptured(argv, { env: { IMAGECTL_CLUSTER: file } });

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "imagectl-set-os-"));
  file = join(folder, "cluster.yaml");
  writeFileSync(file, sample);
});
afterEach(() => rmSync(folder, { recursive: true }));

test("a group's line changes, the rest of the file stays byte for byte, and the change is shown", async () => {
  chmodSync(file, 0o640);
  const { code, stdout, stderr } = await imagectl("set-os", "gpu", "debian-99");
  expect(code).toBe(0);
  expect(readFileSync(file, "utf8")).toBe(sample.replace("os: debian-12", "os: debian-99"));
  expect(stdout).toContain("\n-    os: debian-12\n+    os: debian-99\n");
  expect(stderr).toContain("Next: imagectl build --os debian-99, then imagectl reinstall node1");
  expect(statSync(file).mode & 0o777).toBe(0o640);
  expect(readdirSync(folder)).toEqual(["cluster.yaml"]);
});

test("a dry run shows the same and writes nothing", async () => {
  const { stdout, stderr } = await imagectl("set-os", "node1", "debian-99", "--dry-run");
  expect(stdout).toContain("\n+    os: debian-99\n");
  expect(stderr).toContain("dry run");
  expect(readFileSync(file, "utf8")).toBe(sample);
});

test("--json has the diff and the nodes", async () => {
  const { stdout } = await imagectl("set-os", "gpu", "debian-99", "--json");
  expect(JSON.parse(stdout)).toMatchObject({ file, isChanged: true, nodes: ["node1"], notes: [] });
});

test("what it has already is said, and nothing is written", async () => {
  const { code, stdout } = await imagectl("set-os", "gpu", "debian-12");
  expect([code, stdout]).toEqual([0, `gpu has debian-12 already; ${file} stays as it is\n`]);
});

test.each([
  ["an unknown system", ["gpu", "debian-9"], "[OS_UNKNOWN]"],
  ["an unknown name", ["gpux", "debian-99"], "Did you mean: gpu"],
])("%s is refused before anything is written", async (_name, words, expected) => {
  const { code, stderr } = await imagectl("set-os", ...words);
  expect(code).toBe(1);
  expect(stderr).toContain(expected);
  expect(readFileSync(file, "utf8")).toBe(sample);
});

test("a broken file is not edited: its problems are listed", async () => {
  writeFileSync(file, sample.replace("uid: 10001", "uid: 1"));
  const { code, stderr } = await imagectl("set-os", "gpu", "debian-99");
  expect(code).toBe(2);
  expect(stderr).toContain("users.alice.uid");
});

test("a change that would break the plan is refused", async () => {
  writeFileSync(file, sample.replace("roles: [base,", "roles: [base, nothing-like-it,"));
  const { code, stderr } = await imagectl("set-os", "gpu", "debian-99");
  expect(code).toBe(2);
  expect(stderr).toContain("[ROLE_UNKNOWN]");
  expect(readFileSync(file, "utf8")).toContain("os: debian-12");
});

test("a link stays a link", async () => {
  const link = join(folder, "link.yaml");
  symlinkSync("cluster.yaml", link);
  await imagectl("set-os", "gpu", "debian-99", "--cluster", link);
  expect(lstatSync(link).isSymbolicLink()).toBe(true);
  expect(readFileSync(file, "utf8")).toContain("os: debian-99");
});

test("what somebody else wrote meanwhile stays", async () => {
  await expect(replaceClusterFile(file, "an older text", "mine")).rejects.toMatchObject({
    code: "CLUSTER_CHANGED",
  });
  expect(readFileSync(file, "utf8")).toBe(sample);
  expect(readdirSync(folder)).toEqual(["cluster.yaml"]);
});
