/** The command line: what it prints, where, and with which exit code. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { packageRoot } from "../paths.ts";
import type { NodePlan } from "../plan/plan.ts";
import { run } from "../run.ts";
import { main } from "./main.ts";
import { runCaptured } from "./test-run.ts";

const scratch = mkdtempSync(join(tmpdir(), "imagectl-cli-"));
const sample = join(packageRoot, "examples/cluster.yaml");
const sampleText = readFileSync(sample, "utf8");

afterAll(() => rmSync(scratch, { recursive: true }));

const imagectl = (...argv: string[]) =>
  runCaptured(argv, { env: { IMAGECTL_STATE: join(scratch, "state") } });

function clusterIn(name: string, text: string): string {
  const directory = join(scratch, name);
  mkdirSync(directory, { recursive: true });
  const file = join(directory, "cluster.yaml");
  writeFileSync(file, text);
  return file;
}

describe("finding a command", () => {
  test("help lists every command with a line about it", async () => {
    const { code, stdout } = await imagectl("help");
    expect(code).toBe(0);
    for (const name of ["keys", "plan", "render", "schema", "validate"])
      expect(stdout).toMatch(new RegExp(`^  ${name} +\\S`, "m"));
  });
  test("--version says which one it is", async () => {
    const { version } = JSON.parse(readFileSync(join(packageRoot, "package.json"), "utf8"));
    expect(await imagectl("--version")).toEqual({ code: 0, stdout: `imagectl ${version}\n`, stderr: "" });
  });
  test("help COMMAND is COMMAND --help", async () => {
    expect(await imagectl("help", "plan")).toEqual(await imagectl("plan", "--help"));
  });
  test("no command at all is a usage error", async () => {
    expect(await imagectl()).toMatchObject({ code: 2, stdout: "" });
  });
  test.each(["validate", "plan", "render", "keys", "schema"])(
    "%s --help says how to call it",
    async (name) => {
      const { code, stdout } = await imagectl(name, "--help");
      expect(code).toBe(0);
      expect(stdout).toContain(`Usage: imagectl ${name}`);
    },
  );
  test.each([
    [["help", "plon"], "Did you mean: imagectl plan"],
    [["validat"], "Did you mean: imagectl validate"],
    [["zzzzzzzz"], "imagectl help"],
    [["constructor"], "imagectl help"],
    [["plan"], "Usage: imagectl plan NODE"],
    [["plan", "a", "b"], "Usage: imagectl plan NODE"],
    [["validate", "--jsn"], "Usage: imagectl validate"],
    [["render", "node1"], "--out DIR"],
    [["keys", "make"], "imagectl keys init"],
  ])("%j is a usage error with a hint", async (argv, hint) => {
    const { code, stdout, stderr } = await imagectl(...argv);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain("[USAGE]");
    expect(stderr).toContain(hint);
  });
});

describe("validate", () => {
  test("a good file is exit code 0 and one line, without any key of the cluster", async () => {
    expect(await imagectl("validate", sample)).toEqual({
      code: 0,
      stdout: `${sample}: 1 node, 2 users: no problems\n`,
      stderr: "",
    });
  });
  test("each problem is file:line:column: message with a hint, and exit code 2", async () => {
    const file = clusterIn(
      "bad",
      sampleText.replace("domain:", "domian:").replace("roles: [base", "roles: [bsae"),
    );
    const { code, stdout } = await imagectl("validate", file);
    expect(code).toBe(2);
    expect(stdout).toMatch(
      /cluster\.yaml:8:3: error: unknown key network\.domian \[KEY_UNKNOWN\]\n {4}hint: Did you mean: domain\n/,
    );
    expect(stdout).toMatch(/4 errors, 0 warnings\n$/);
  });
  test("what only a plan can see is found as well", async () => {
    const file = clusterIn("plan", sampleText.replace("roles: [base", "roles: [bsae"));
    const { code, stdout } = await imagectl("validate", file);
    expect(code).toBe(2);
    expect(stdout).toMatch(
      /cluster\.yaml:[0-9]+:13: error: there is no role bsae \[ROLE_UNKNOWN\]\n {4}hint: Did you mean: base\n/,
    );
  });
  test("every kind of mistake in one file is shown at once, each with its line and what to do", async () => {
    const cases = join(packageRoot, "src/cli/cases");
    const { code, stdout } = await imagectl("validate", join(cases, "mistakes.yaml"));
    expect(code).toBe(2);
    const shown = stdout.replaceAll(`${cases}/`, "");
    await expect(shown).toMatchFileSnapshot(join(cases, "mistakes.txt"));
    // Each mistake is numbered in a comment: of its own line, or of the line before.
    const lines = readFileSync(join(cases, "mistakes.yaml"), "utf8").split("\n");
    const places = [...shown.matchAll(/^mistakes\.yaml:([0-9]+):/gm)].map(([, line]) => Number(line));
    for (let number = 1; number <= 11; number++) {
      const line = lines.findIndex((text) => text.includes(`# ${number}: `)) + 1;
      expect(line, `mistake ${number}`).toBeGreaterThan(0);
      expect(
        places.some((place) => place === line || place === line + 1),
        `mistake ${number}`,
      ).toBe(true);
    }
    expect(shown.match(/^ {4}hint: \S/gm)).toHaveLength(places.length);
  });
  test("--json has the same findings", async () => {
    const file = clusterIn("json", sampleText.replace("os: debian-12", "os: debian-99"));
    const { code, stdout } = await imagectl("validate", file, "--json");
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({
      file,
      isValid: false,
      findings: [{ code: "OS_UNKNOWN", severity: "error", hint: expect.any(String) }],
    });
  });
  test("a role of one's own in roles/ beside the file is read, and one that replaces ours is a warning", async () => {
    const file = clusterIn("own", sampleText.replace("recovery]", "recovery, mine]"));
    const own = (name: string, text: string) => {
      mkdirSync(join(scratch, "own/roles", name), { recursive: true });
      writeFileSync(join(scratch, "own/roles", name, "role.yaml"), text);
    };
    own("mine", "summary: mine\n");
    expect((await imagectl("validate", file)).code).toBe(0);
    own("base", "summary: my base\n");
    const replaced = await imagectl("validate", file);
    expect(replaced.stdout).toContain("[ROLE_REPLACED]");
    expect(replaced.stdout).toContain("0 errors, 1 warning");
    expect(replaced.code).toBe(0);
    own("mine", "summry: mine\n");
    const broken = await imagectl("validate", file);
    expect(broken.stdout).toContain("roles/mine/role.yaml:1:1: error: unknown key summry");
    expect(broken.code).toBe(2);
  });
  test("a file that is not there is exit code 1 and a hint", async () => {
    const { code, stderr } = await imagectl("validate", join(scratch, "none.yaml"));
    expect(code).toBe(1);
    expect(stderr).toContain("[CLUSTER_UNREADABLE]");
    expect(stderr).toContain("hint: ");
  });
});

test("before the keys exist, a plan says how to make them", async () => {
  const { code, stderr } = await imagectl("plan", "node1", "--cluster", sample);
  expect(code).toBe(1);
  expect(stderr).toContain("[KEYS_MISSING]");
  expect(stderr).toContain("imagectl keys init");
});

describe("with keys", () => {
  const keys = join(scratch, "state/keys");
  beforeAll(async () => {
    expect((await imagectl("keys", "init")).code).toBe(0);
  });

  test("keys are for root alone, public halves aside, and a second init changes nothing", async () => {
    const snapshot = () => readdirSync(keys).map((name) => [name, readFileSync(join(keys, name), "utf8")]);
    const before = snapshot();
    expect(readdirSync(keys).sort()).toEqual([
      "agent_ed25519",
      "agent_ed25519.pub",
      "host_ca_ed25519",
      "host_ca_ed25519.pub",
      "manifest_ed25519.pem",
      "manifest_ed25519.pub.pem",
    ]);
    const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);
    expect(modeOf(keys)).toBe("700");
    for (const name of ["agent_ed25519", "host_ca_ed25519", "manifest_ed25519.pem"])
      expect(modeOf(join(keys, name))).toBe("600");
    expect(readFileSync(join(keys, "agent_ed25519.pub"), "utf8")).toMatch(
      /^ssh-ed25519 [A-Za-z0-9+/=]+ imagectl-agent\n$/,
    );
    expect((await imagectl("keys", "init", "--json")).code).toBe(0);
    expect(snapshot()).toEqual(before);
  });
  test("a public half that was lost is made again from the private one", async () => {
    const path = join(keys, "host_ca_ed25519.pub");
    const before = readFileSync(path, "utf8");
    rmSync(path);
    await imagectl("keys", "init");
    expect(readFileSync(path, "utf8")).toBe(before);
  });

  test("known-hosts is one line by which ssh believes the nodes, and nobody else", async () => {
    const { code, stdout } = await imagectl("keys", "known-hosts", "--cluster", sample);
    const known = join(scratch, "known_hosts");
    writeFileSync(known, stdout);
    const find = (name: string) => run("ssh-keygen", ["-F", name, "-f", known], { okExitCodes: [0, 1] });
    expect(code).toBe(0);
    for (const name of ["node1", "node1.cluster", "10.77.0.11"])
      expect((await find(name)).stdout).toContain(`@cert-authority node1,node1.cluster,10.77.0.11 `);
    expect((await find("github.com")).exitCode).toBe(1);
    expect(stdout).toContain(readFileSync(join(keys, "host_ca_ed25519.pub"), "utf8").split(" ")[1]);
  });

  test("a host key is certified for its node, and again only when that is due", async () => {
    const hostKey = join(scratch, "host_key");
    await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "root@node1", "-f", hostKey]);
    const certify = (node: string, lines: string) => {
      writeFileSync(join(scratch, "asked"), lines);
      return imagectl("keys", "certify", node, "--from", join(scratch, "asked"), "--cluster", sample);
    };
    const publicKey = readFileSync(`${hostKey}.pub`, "utf8");
    const first = await certify("node1", publicKey);
    expect(first.stdout).toMatch(/^ssh-ed25519-cert-v01@openssh\.com \S+ root@node1\n$/);
    const listing = await run("ssh-keygen", ["-L", "-f", "-"], { input: first.stdout });
    expect(listing.stdout).toMatch(/node1\n +node1\.cluster\n +10\.77\.0\.11\n/);
    expect((await certify("node1", publicKey + first.stdout)).stdout).toBe(first.stdout);
    const damaged = await certify("node1", `${publicKey}ssh-ed25519-cert-v01@openssh.com AAAA\n`);
    expect(damaged.stdout).toMatch(/^ssh-ed25519-cert-v01@openssh\.com A{4}[^\n]{100}/);
    expect(await certify("node9", publicKey)).toMatchObject({ code: 1, stdout: "" });
    expect((await certify("node1", "hello\n")).stderr).toContain("[COMMAND_FAILED]");
  });

  test("plan shows layers, ports and checks", async () => {
    const { code, stdout } = await imagectl("plan", "node1", "--cluster", sample);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^node1\.cluster {2}10\.77\.0\.11\/24 {2}52:54:00:77:00:11\n/);
    for (const part of ["image layer  debian-12", "node layer", "22/tcp", "checks  "])
      expect(stdout).toContain(part);
  });
  test("plan --json is the plan", async () => {
    const { stdout } = await imagectl("plan", "node1", "--cluster", sample, "--json");
    expect(JSON.parse(stdout)).toMatchObject({ image: { os: "debian-12" }, node: { hostname: "node1" } });
  });
  test("a cluster may mix systems: each node is planned for its group's own", async () => {
    const group = /^ {2}gpu:\n(?: {4}.*\n)+/m.exec(sampleText)?.[0] ?? "";
    const newer = group.replace("gpu:", "newer:").replace("os: debian-12", "os: debian-13");
    const mixed =
      sampleText.replace(group, group + newer) +
      "  node2: {mac: 52:54:00:77:00:12, address: 10.77.0.12, group: newer}\n";
    const file = clusterIn("mixed", mixed);
    expect(await imagectl("validate", file)).toMatchObject({ code: 0 });
    const [older, other] = await Promise.all(
      ["node1", "node2"].map(async (node) => {
        const { stdout } = await imagectl("plan", node, "--cluster", file, "--json");
        return JSON.parse(stdout) as NodePlan;
      }),
    );
    expect(older?.image.os).toBe("debian-12");
    expect(other?.image.os).toBe("debian-13");
    const sshdSettings = (plan?: NodePlan) =>
      plan?.image.files.find(({ path }) => path === "/etc/ssh/sshd_config")?.content;
    expect(sshdSettings(older)).toContain("imagectl_kex_compat.conf");
    expect(sshdSettings(other)).toContain("imagectl_kex_pq.conf");
  });
  test("a plan of a node that is not there names the nearest", async () => {
    const { code, stderr } = await imagectl("plan", "node11", "--cluster", sample);
    expect(code).toBe(1);
    expect(stderr).toContain("Did you mean: node1");
  });
  test("a plan from a bad file lists what is wrong with it", async () => {
    const file = clusterIn("bad2", sampleText.replace("uid: 10001", "uid: 1"));
    const { code, stderr } = await imagectl("plan", "node1", "--cluster", file);
    expect(code).toBe(2);
    expect(stderr).toContain("users.alice.uid");
    expect(stderr).toContain("[CLUSTER_INVALID]");
  });

  test("render writes both layers and the plan, and again over itself", async () => {
    const out = join(scratch, "out");
    const first = await imagectl("render", "node1", "--cluster", sample, "--out", out);
    expect(first.code).toBe(0);
    expect(readFileSync(join(out, "node/etc/hostname"), "utf8")).toBe("node1\n");
    const plan = JSON.parse(readFileSync(join(out, "plan.json"), "utf8"));
    for (const layer of ["image", "node"] as const) {
      for (const file of plan[layer].files) {
        expect(readFileSync(join(out, layer, file.path), "utf8")).toBe(file.content);
        expect(statSync(join(out, layer, file.path)).mode & 0o7777).toBe(file.mode);
      }
    }
    writeFileSync(join(out, "node/etc/stale"), "");
    expect((await imagectl("render", "node1", "--cluster", sample, "--out", out)).code).toBe(0);
    expect(existsSync(join(out, "node/etc/stale"))).toBe(false);
  });
  test("render to what is no directory is refused", async () => {
    const { code, stderr } = await imagectl("render", "node1", "--cluster", sample, "--out", sample);
    expect(code).toBe(1);
    expect(stderr).toContain("[OUTPUT_NOT_OURS]");
  });
  test("render touches no directory that holds other files", async () => {
    const out = join(scratch, "precious");
    mkdirSync(out);
    writeFileSync(join(out, "thesis.tex"), "words");
    const { code, stderr } = await imagectl("render", "node1", "--cluster", sample, "--out", out);
    expect(code).toBe(1);
    expect(stderr).toContain("[OUTPUT_NOT_OURS]");
    expect(readdirSync(out)).toEqual(["thesis.tex"]);
  });
});

test("schema prints the JSON Schema that is in docs/", async () => {
  const { code, stdout } = await imagectl("schema");
  expect(code).toBe(0);
  expect(stdout).toBe(readFileSync(join(packageRoot, "docs/cluster.schema.json"), "utf8"));
});

test("what is not ours on purpose is a defect: exit code 70, with the trace", async () => {
  const io = {
    stdout: {
      write: () => {
        throw new TypeError("a bug");
      },
    },
    env: {},
    isTty: false,
  };
  let stderr = "";
  expect(await main(["schema"], { ...io, stderr: { write: (text: string) => (stderr += text) } })).toBe(70);
  expect(stderr).toContain("a defect of ours");
  expect(stderr).toContain("TypeError: a bug");
});

test("a page is not poured over a terminal", async () => {
  const { code, stderr } = await runCaptured(["report", "node1", "--html"], { isTty: true });
  expect(code).toBe(2);
  expect(stderr).toContain("imagectl report node1 --html --out node1.html");
});
