/** `imagectl init`: from options as from answers comes a file that validates; an old one is never touched. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Ipv4Address } from "../address.ts";
import { parseCluster, requireCluster } from "../cluster/parse.ts";
import { packageRoot } from "../paths.ts";
import type { Interfaces, OfferedKey } from "./machine-facts.ts";
import { main } from "./main.ts";

const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL94sKb+UTAp8fPsUYnQcq+qnwHFRsQXPr4cv2e0tZiG";
const network = "10.77.0.0" as Ipv4Address;
vi.mock("./machine-facts.ts", async (original) => ({
  ...(await original<typeof import("./machine-facts.ts")>()),
  listInterfaces: async () => found.interfaces,
  listPublicKeys: async () => found.keys,
}));

const office = {
  name: "eth0",
  address: "192.168.1.5" as Ipv4Address,
  subnet: { network: "192.168.1.0" as Ipv4Address, prefixLength: 24 },
  isWayOut: true,
};
const lan = { ...office, name: "eth1", address: "10.77.0.1" as Ipv4Address, isWayOut: false };
const usable = [office, { ...lan, subnet: { network, prefixLength: 24 } }];
const dead = { name: "eth2", lacks: "down, no IPv4 address" };
const ownKey = { path: "/home/kim/.ssh/id_ed25519.pub", line: `${key} kim: #1 "x"` };
/** What this machine has; a test may take some of it away. */
let found: { interfaces: Interfaces; keys: OfferedKey[] };

let folder: string;
let file: string;

/** @param answers what the person types, one a question; undefined: there is nobody. */
async function init(words: readonly string[], answers?: readonly string[]) {
  const out = { stdout: "", stderr: "" };
  const left = [...(answers ?? [])];
  const code = await main(["init", file, ...words], {
    stdout: {
      write: (text) => {
        out.stdout += text;
      },
    },
    stderr: {
      write: (text) => {
        out.stderr += text;
      },
    },
    env: { SUDO_USER: "kim" },
    isTty: false,
    ...(answers === undefined
      ? {}
      : {
          ask: async (question) => {
            out.stderr += question;
            return left.shift() ?? "";
          },
        }),
  });
  return { code, ...out };
}

const written = () => requireCluster(parseCluster(readFileSync(file, "utf8"), file), file);
const options = ["--interface", "eth1", "--user", "kim", "--key", `${key} kim@desk`];

beforeEach(() => {
  found = { interfaces: { usable, others: [dead] }, keys: [ownKey] };
  folder = mkdtempSync(join(tmpdir(), "imagectl-init-"));
  file = join(folder, "cluster.yaml");
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("in a script", () => {
  test("options make a file that validates, with the schema for editors and the next command", async () => {
    const { code, stdout, stderr } = await init(options);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout.split("\n").map((line) => line.split("  #")[0]?.trim())).toEqual([
      `${file} is written. Next:`,
      `editor ${file}`,
      `imagectl validate ${file}`,
      `sudo imagectl doctor --cluster ${file}`,
      `sudo imagectl build --cluster ${file}`,
      "",
    ]);
    expect(readFileSync(file, "utf8")).toMatch(
      /^# yaml-language-server: \$schema=\/.*\/docs\/cluster\.schema\.json\n/,
    );
    expect(written()).toMatchObject({
      name: "lab",
      domain: "cluster",
      bastion: { address: "10.77.0.1", interface: "eth1" },
      outsider: "10.77.0.254",
      users: [{ name: "kim", uid: 10001, admin: true, keys: [`${key} kim@desk`] }],
      nodes: [],
    });
  });

  test("system and roles are those of the sample", async () => {
    await init(options);
    const sampleFile = join(packageRoot, "examples/cluster.yaml");
    const sample = requireCluster(parseCluster(readFileSync(sampleFile, "utf8"), sampleFile), sampleFile);
    const group = sample.groups.find(({ method }) => method === "golden");
    expect(written().groups.find(({ method }) => method === "golden")).toMatchObject({
      os: group?.os,
      roles: group?.roles,
    });
  });

  test("nodes get addresses of their own", async () => {
    const { stdout } = await init([
      ...options,
      "--node",
      "node1=52-54-00-77-00-11",
      "--node",
      "node2=52:54:00:77:00:12",
    ]);
    expect(stdout).not.toContain("editor");
    expect(written().nodes).toMatchObject([
      { name: "node1", mac: "52:54:00:77:00:11", address: "10.77.0.11" },
      { name: "node2", address: "10.77.0.12" },
    ]);
  });

  test.each([
    [["--user", "kim", "--key", key], "[USAGE]", "eth1  10.77.0.1/24"],
    [["--interface", "eth9", ...options.slice(2)], "[INTERFACE_UNUSABLE]", "Did you mean: eth0"],
    [["--interface", "eth2", ...options.slice(2)], "down, no IPv4 address", "sudo ip link set eth2 up"],
    [["--interface", "eth1", "--user", "kim"], "[USAGE]", "here are: /home/kim/.ssh/id_ed25519.pub"],
    [["--interface", "eth1", "--user", "root", "--key", key], "[USAGE]", "root-user"],
    [[...options, "--name", "a b"], "[USAGE]", "Rename it"],
    [[...options, "--node", "node1"], "[USAGE]", "--node node1=52:54:00:77:00:11"],
    [[...options, "--node", "bastion=52:54:00:77:00:11"], "[CLUSTER_INVALID]", "Rename one of them"],
    [["--interface", "eth1", "--key", "/no/such/key.pub"], "[USAGE]", "ssh-keygen -t ed25519"],
    [["--interface", "eth1", "--key=-----BEGIN OPENSSH PRIVATE KEY-----"], "[PUBLIC_KEY_REFUSED]", "leaked"],
  ])("%j is refused with what to do, and writes nothing", async (words, code, hint) => {
    const { code: exitCode, stderr } = await init(words);
    expect(exitCode).toBeGreaterThan(0);
    expect(stderr).toContain(code);
    expect(stderr).toContain(hint);
    expect(() => readFileSync(file)).toThrow("ENOENT");
  });
});

describe("at a terminal", () => {
  test("four answers are enough, and defaults stand in brackets", async () => {
    const { code, stderr } = await init([], ["2", "", "", "1"]);
    expect(code).toBe(0);
    for (const part of ["2) eth1  10.77.0.1/24", "name [lab]: ", "first user [kim]: ", "id_ed25519.pub"])
      expect(stderr).toContain(part);
    expect(written()).toMatchObject({ name: "lab", users: [{ name: "kim", keys: [`${key} kim: #1 "x"`] }] });
  });
  test("a wrong answer is explained and asked for again", async () => {
    const { code, stderr } = await init([], ["7", "2", "My Lab", "my-lab", "", ""]);
    expect(code).toBe(0);
    expect(stderr).toContain("a number from 1 to 2, please");
    expect(stderr).toContain("a name has 1 to 63 of a-z");
    expect(stderr).toContain("for instance: my-lab");
    expect(written().name).toBe("my-lab");
  });
  test("an interface may be named; the office's is marked, and one that is down is told with what it takes", async () => {
    const { stderr } = await init([], ["eth1", "", "", ""]);
    expect(stderr).toContain("eth0  192.168.1.5/24  this machine's way out");
    expect(stderr).toContain("Not offered: eth2 (down, no IPv4 address)");
    expect(written().bastion.interface).toBe("eth1");
  });
  test("the way out is never taken by mere Enter, even where it is the only one", async () => {
    found.interfaces = { usable: [office], others: [] };
    const { stderr } = await init([], ["", "1", "", "", ""]);
    expect(stderr).toContain("a number from 1 to 1, please");
    expect(written().bastion.interface).toBe("eth0");
  });
  test("where no key is found, a line can be pasted; what is no key is explained, and no answer is lost", async () => {
    found.keys = [];
    const answers = ["2", "", "", "", "/no/such.pub", "hello", `${key} kim@desk`];
    const { code, stderr } = await init([], answers);
    expect(code).toBe(0);
    for (const part of ["none is in ~/.ssh here", "cannot read /no/such.pub", "cannot read hello"])
      expect(stderr).toContain(part);
    expect(written().users).toMatchObject([{ name: "kim", keys: [`${key} kim@desk`] }]);
  });
  test("another key than those found: by its file", async () => {
    const other = join(folder, "other.pub");
    writeFileSync(other, `${key} kim@other\n`);
    await init([], ["2", "", "", other]);
    expect(written().users[0]?.keys).toEqual([`${key} kim@other`]);
  });
  test("an option is not asked for", async () => {
    const { stderr } = await init(options, [""]);
    expect(stderr).toBe("The cluster's name [lab]: ");
  });
});

test("a node is added by taking the marks of the comment away", async () => {
  await init(options);
  const text = readFileSync(file, "utf8");
  const commented = /^ {2}# (?= {2}|node1)/gm;
  for (const edited of [text.replace(commented, "  "), text.replace(/^ {2}#(?= {3}| node1)/gm, "  ")]) {
    expect(requireCluster(parseCluster(edited, file), file).nodes).toMatchObject([
      { name: "node1", mac: "52:54:00:77:00:11", address: "10.77.0.11", group: "gpu" },
    ]);
  }
});

test("a file that is there stays, and nothing is asked", async () => {
  writeFileSync(file, "mine\n");
  const { code, stderr } = await init([], []);
  expect(code).toBe(1);
  expect(stderr).toContain("[CLUSTER_EXISTS]");
  expect(stderr).not.toContain("name [lab]");
  expect(readFileSync(file, "utf8")).toBe("mine\n");
});

test("a folder that is not there is told before anything is asked", async () => {
  file = join(folder, "no/such/folder/cluster.yaml");
  const { code, stderr } = await init([], []);
  expect(code).toBe(1);
  expect(stderr).toContain("[OUTPUT_NOT_WRITTEN]");
  expect(stderr).not.toContain("The interface");
});
