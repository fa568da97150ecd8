/** `imagectl secrets`: what is needed, what is there, and never what it is. */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { packageRoot } from "../paths.ts";
import { runCaptured } from "./test-run.ts";

const scratch = mkdtempSync(join(tmpdir(), "imagectl-cli-secrets-"));
afterAll(() => rmSync(scratch, { recursive: true }));

const state = join(scratch, "state");
const file = join(scratch, "cluster.yaml");
const value = "T0KEN-VALUE";

const imagectl = (...argv: string[]) =>
  runCaptured(argv, { env: { IMAGECTL_STATE: state, IMAGECTL_CLUSTER: file, SUDO_USER: "alice" } });

beforeAll(async () => {
  cpSync(join(packageRoot, "examples/cluster.yaml"), file);
  writeFileSync(file, readFileSync(file, "utf8").replace(/roles: \[/, "roles: [vault, "));
  mkdirSync(join(scratch, "roles/vault/files/etc"), { recursive: true });
  writeFileSync(
    join(scratch, "roles/vault/role.yaml"),
    'summary: keeps\nsecrets: [{name: token, scope: cluster, description: d}]\nfileModes: {/etc/token: {mode: "0600"}}\n',
  );
  writeFileSync(join(scratch, "roles/vault/files/etc/token.hbs"), "{{secrets.token}}\n");
  writeFileSync(join(scratch, "value"), `${value}\n`);
  await imagectl("keys", "init");
});

describe("from missing to there", () => {
  test("a missing one is listed with the command that makes it", async () => {
    const { code, stdout } = await imagectl("secrets", "list");
    expect({ code, stdout }).toMatchObject({ code: 0 });
    expect(stdout).toMatch(
      /^token +all nodes +missing\. Make it: sudo imagectl secrets set token --from FILE$/m,
    );
  });
  test("one that nothing reads is refused, with the nearest that something does", async () => {
    const { code, stderr } = await imagectl("secrets", "set", "tokn", "--from", join(scratch, "value"));
    expect(code).toBe(1);
    expect(stderr).toContain("[SECRET_UNKNOWN]");
    expect(stderr).toContain("token");
  });
  test("one that is for all nodes is not set for one", async () => {
    const words = ["secrets", "set", "token", "--node", "node1", "--from", join(scratch, "value")];
    expect((await imagectl(...words)).stderr).toContain("nothing in the cluster reads token of node1");
  });
  test("it is kept once, and replaced only by --rotate", async () => {
    const set = ["secrets", "set", "token", "--from", join(scratch, "value")];
    expect(await imagectl(...set)).toEqual({ code: 0, stdout: "kept: token\n", stderr: "" });
    expect((await imagectl(...set)).stderr).toContain("[SECRET_EXISTS]");
    expect((await imagectl(...set, "--rotate")).code).toBe(0);
    expect((await imagectl("secrets", "list")).stdout).toMatch(/^token +all nodes +since 20/m);
  });
  test("neither plan nor render nor list shows its value, and of the state's files only its own has it", async () => {
    await imagectl("render", "node1", "--out", join(scratch, "tree"));
    const shown = [
      await imagectl("plan", "node1", "--json"),
      await imagectl("plan", "node1"),
      await imagectl("secrets", "list", "--json"),
    ];
    expect(JSON.stringify(shown)).not.toContain(value);
    expect(shown[0]?.stdout).toContain("[secret token]");
    expect(readFileSync(join(scratch, "tree/node/etc/token"), "utf8")).toBe("[secret token]\n");
    const files = [state, join(scratch, "tree")].flatMap((folder) =>
      readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name)),
    );
    expect(files.filter((path) => readFileSync(path, "utf8").includes(value))).toEqual([
      join(state, "secrets/token"),
    ]);
  });
});

test("what the bastion alone reads is needed as well", async () => {
  const whole = readFileSync(file, "utf8");
  const desk = "  desk: {os: debian-12, method: none, roles: [sealed]}\n";
  const withDesk = whole
    .replace(/^groups:\n/m, `groups:\n${desk}`)
    .replace(/^bastion:\n/m, "bastion:\n  group: desk\n");
  const sealed = join(scratch, "roles/sealed");
  mkdirSync(join(sealed, "files/etc"), { recursive: true });
  writeFileSync(
    join(sealed, "role.yaml"),
    'summary: keeps\nsecrets: [{name: seal, scope: cluster, description: d}]\nfileModes: {/etc/seal: {mode: "0600"}}\n',
  );
  writeFileSync(join(sealed, "files/etc/seal.hbs"), "{{secrets.seal}}\n");
  writeFileSync(file, withDesk);
  const { stdout } = await imagectl("secrets", "list");
  const set = await imagectl("secrets", "set", "seal", "--from", join(scratch, "value"));
  writeFileSync(file, whole);
  expect(stdout).toMatch(/^seal +all nodes +missing\./m);
  expect(set).toEqual({ code: 0, stdout: "kept: seal\n", stderr: "" });
});

test("validate finds a secret in a file that everybody may read, at its place", async () => {
  const open = join(scratch, "roles/vault/files/etc/open.hbs");
  writeFileSync(open, "{{secrets.token}}\n");
  const { code, stdout } = await imagectl("validate");
  rmSync(open);
  expect(code).toBe(2);
  expect(stdout).toContain("/etc/open holds a secret and everybody may read it [SECRET_MISPLACED]");
});
