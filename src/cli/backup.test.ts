/** Backup and restore as commands, on real folders: what comes back, what is refused, and what is never lost. */
import {
  chmodSync,
  copyFileSync,
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
import { ensureKeys } from "../keys.ts";
import { openAttempts } from "../nodes/attempts.ts";
import { openDatabase } from "../nodes/database.ts";
import { packageRoot } from "../paths.ts";
import { main } from "./main.ts";

const scratch = mkdtempSync(join(tmpdir(), "imagectl-backup-"));
const at = (...parts: string[]) => join(scratch, ...parts);
const clusterText = readFileSync(join(packageRoot, "examples/cluster.yaml"), "utf8");
const recoveryHash = "$6$rounds=500000$abc$nothingThatAnybodyMayRead";

/** Runs a command on a bastion whose things are all below one folder. */
async function imagectl(bastion: string, ...argv: string[]) {
  const out = { stdout: "", stderr: "" };
  const code = await main(argv, {
    stdout: { write: (text) => (out.stdout += text) },
    stderr: { write: (text) => (out.stderr += text) },
    env: {
      IMAGECTL_STATE: at(bastion, "state"),
      IMAGECTL_RUN: at(bastion, "run"),
      IMAGECTL_CLUSTER: at(bastion, "etc/cluster.yaml"),
    },
    isTty: false,
  });
  return { code, ...out };
}

const withPassphrase = ["--passphrase-file", at("passphrase")];
const restore = (bastion: string, ...options: string[]) =>
  imagectl(bastion, "restore", at("backup"), ...withPassphrase, ...options);

/** Every file below a folder, with its permissions. */
function snapshot(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  return Object.fromEntries(
    names.map((name) => {
      const path = join(folder, name);
      const { mode } = statSync(path);
      const content = statSync(path).isFile() ? readFileSync(path).toString("base64") : "";
      return [name, `${(mode & 0o777).toString(8)} ${content}`];
    }),
  );
}

const withoutDatabase = (all: Record<string, string>) =>
  Object.fromEntries(Object.entries(all).filter(([name]) => !name.startsWith("imagectl.sqlite")));

beforeAll(async () => {
  const state = at("old", "state");
  await ensureKeys(join(state, "keys"));
  mkdirSync(join(state, "secrets"), { mode: 0o700 });
  writeFileSync(join(state, "secrets/recovery-node1"), recoveryHash, { mode: 0o600 });
  copyFileSync(join(packageRoot, "src/nodes/database-v1.sqlite"), join(state, "imagectl.sqlite"));
  mkdirSync(join(state, "store/blobs/sha256"), { recursive: true });
  writeFileSync(join(state, "store/blobs/sha256", "a".repeat(64)), "a large image");
  mkdirSync(join(state, "store/tmp/new-1"), { recursive: true });
  mkdirSync(at("old", "etc/roles/ours"), { recursive: true });
  writeFileSync(at("old", "etc/cluster.yaml"), clusterText);
  writeFileSync(at("old", "etc/roles/ours/role.yaml"), "summary: ours\n");
  writeFileSync(at("passphrase"), "a passphrase for tests\n");
  const made = await imagectl("old", "backup", at("backup"), ...withPassphrase);
  expect(made.stderr).toBe("");
  expect(made).toMatchObject({ code: 0, stdout: expect.stringContaining("written, read back and opened") });
  expect(made.stdout).toContain("3 private keys, 1 secrets, the database");
});

afterAll(() => rmSync(scratch, { recursive: true }));

describe("a backup", () => {
  test("shows nothing that it keeps, and is its owner's alone", () => {
    const bytes = readFileSync(at("backup"));
    const keys = readFileSync(at("old", "state/keys/agent_ed25519"), "utf8").split("\n").slice(1, 3);
    for (const secret of [...keys, "PRIVATE KEY", recoveryHash, "node1", "cluster:"]) {
      expect(bytes.includes(secret)).toBe(false);
    }
    expect(statSync(at("backup")).mode & 0o777).toBe(0o600);
  });

  test("never replaces a file", async () => {
    const before = readFileSync(at("backup"));
    const { code, stderr } = await imagectl("old", "backup", at("backup"), ...withPassphrase);
    expect([code, stderr]).toEqual([1, expect.stringContaining("BACKUP_UNWRITABLE")]);
    expect(readFileSync(at("backup")).equals(before)).toBe(true);
  });

  test.each([
    ["too short", "short\n", "5 characters"],
    ["missing", undefined, "no such file"],
  ])("a passphrase that is %s is refused, and nothing is written", async (_name, text, message) => {
    rmSync(at("other"), { force: true });
    if (text !== undefined) writeFileSync(at("other"), text);
    const { code, stderr } = await imagectl("old", "backup", at("second"), "--passphrase-file", at("other"));
    expect([code, stderr]).toEqual([1, expect.stringContaining("PASSPHRASE_UNUSABLE")]);
    expect(stderr).toContain(message);
    expect(existsSync(at("second"))).toBe(false);
  });

  test("of nothing is refused", async () => {
    const { stderr } = await imagectl("empty", "backup", at("second"), ...withPassphrase);
    expect(stderr).toContain("there is nothing to back up in");
  });
});

describe("a restore on a new machine", () => {
  let stdout: string;
  beforeAll(async () => {
    const restored = await restore("new");
    expect(restored).toMatchObject({ code: 0, stderr: "" });
    stdout = restored.stdout;
  });

  test("brings back every file with its permissions, except images, which can be made again", () => {
    const was = withoutDatabase(snapshot(at("old", "state")));
    const images = Object.keys(was).filter((name) => /^store\/(blobs|tmp)/.test(name));
    for (const name of images) delete was[name];
    expect(withoutDatabase(snapshot(at("new", "state")))).toEqual(was);
    expect(snapshot(at("new", "etc"))).toEqual(snapshot(at("old", "etc")));
    expect(statSync(at("new", "state/imagectl.sqlite")).mode & 0o777).toBe(0o600);
    expect(stdout).toContain(`imagectl validate ${at("new", "etc/cluster.yaml")}`);
    expect(existsSync(at("new", "state.restoring"))).toBe(false);
  });

  test("brings back no permission to overwrite a disk, and says so", () => {
    expect(stdout).toContain("disarmed, since their disks may have been written since: node2");
    const database = openDatabase(at("new", "state/imagectl.sqlite"));
    const attempts = openAttempts(database);
    expect(attempts.live()).toEqual([]);
    expect(attempts.latest("node1")?.state.stage).toBe("ready");
    database.close();
  });
});

describe("a restore over something", () => {
  test("is refused, with all that is in the way, and changes nothing", async () => {
    mkdirSync(at("used", "state/keys"), { recursive: true });
    writeFileSync(at("used", "state/keys/agent_ed25519"), "another key");
    mkdirSync(at("used", "etc"));
    writeFileSync(at("used", "etc/cluster.yaml"), "cluster: another\n");
    const before = snapshot(at("used"));
    const { code, stderr } = await restore("used");
    expect([code, stderr]).toEqual([1, expect.stringContaining("STATE_EXISTS")]);
    expect(snapshot(at("used"))).toEqual(before);
    rmSync(at("used", "state"), { recursive: true });
    expect((await restore("used")).stderr).toContain(`${at("used", "etc/cluster.yaml")} differs`);
    expect(existsSync(at("used", "state"))).toBe(false);
  });

  test("with --force moves the old aside, whole, and names where", async () => {
    mkdirSync(at("used", "state/keys"), { recursive: true });
    writeFileSync(at("used", "state/keys/agent_ed25519"), "another key");
    const { code, stdout } = await restore("used", "--force");
    expect(code).toBe(0);
    const aside = [...stdout.matchAll(/^moved aside: (.*)$/gm)].map((match) => match[1] as string);
    expect(aside).toHaveLength(2);
    expect(readFileSync(join(aside[0] as string, "keys/agent_ed25519"), "utf8")).toBe("another key");
    expect(readFileSync(aside[1] as string, "utf8")).toBe("cluster: another\n");
    expect(readFileSync(at("used", "etc/cluster.yaml"), "utf8")).toBe(clusterText);
    expect(readFileSync(at("used", "state/secrets/recovery-node1"), "utf8")).toBe(recoveryHash);
  });

  test("an interrupted one is taken up by the next", async () => {
    mkdirSync(at("killed", "state.restoring/keys"), { recursive: true });
    writeFileSync(at("killed", "state.restoring/keys/half"), "half");
    chmodSync(at("killed", "state.restoring/keys"), 0o500);
    mkdirSync(at("killed", "etc"));
    writeFileSync(at("killed", "etc/cluster.yaml"), clusterText);
    expect((await restore("killed")).code).toBe(0);
    expect(existsSync(at("killed", "state/keys/half"))).toBe(false);
    expect(existsSync(at("killed", "state/keys/agent_ed25519"))).toBe(true);
  });
});

describe("a backup that is no good is refused before anything is written", () => {
  const damaged = async (change: (bytes: Buffer) => Buffer, passphrase = withPassphrase) => {
    writeFileSync(at("bad.backup"), change(readFileSync(at("backup"))));
    const { code, stderr } = await imagectl("bad", "restore", at("bad.backup"), ...passphrase);
    expect(existsSync(at("bad", "state"))).toBe(false);
    expect(existsSync(at("bad", "etc"))).toBe(false);
    return `${code} ${/\[([A-Z_]+)\]/.exec(stderr)?.[1]}`;
  };

  test("a flipped bit, a truncated file, another file, the wrong passphrase: each is told apart", async () => {
    const flip = (bytes: Buffer) => {
      bytes[3_000] = (bytes[3_000] as number) ^ 4;
      return bytes;
    };
    expect(await damaged(flip)).toBe("1 BACKUP_DAMAGED");
    expect(await damaged((bytes) => bytes.subarray(0, bytes.length - 700))).toBe("1 BACKUP_CUT_SHORT");
    expect(await damaged(() => Buffer.from("hello"))).toBe("1 BACKUP_UNKNOWN");
    writeFileSync(at("wrong"), "another passphrase\n");
    expect(await damaged((bytes) => bytes, ["--passphrase-file", at("wrong")])).toBe("1 PASSPHRASE_WRONG");
  });

  test("--check says that it is good, and writes nothing", async () => {
    const { code, stdout } = await restore("bad2", "--check");
    expect([code, stdout]).toEqual([0, expect.stringContaining("is whole and opens: a backup of ")]);
    expect(existsSync(at("bad2"))).toBe(false);
  });
});
