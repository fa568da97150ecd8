/** The apply script in a real Debian root: what it changes, what it keeps, and what it puts back. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeSeed } from "../../src/cloud-init/seed.ts";
import { readClusterFile } from "../../src/cluster/file.ts";
import { requireCluster } from "../../src/cluster/parse.ts";
import { sha256 } from "../../src/digest.ts";
import { openScratch } from "../../src/lab/scratch.ts";
import { packageRoot } from "../../src/paths.ts";
import { fillSecrets } from "../../src/plan/fill-secrets.ts";
import { planNode } from "../../src/plan/make.ts";
import type { NodePlan } from "../../src/plan/plan.ts";
import { readRoleCatalogue } from "../../src/roles/read.ts";
import { Secret } from "../../src/secret.ts";
import { hashPassword, saltBytes } from "../../src/yescrypt.ts";
import {
  type ApplyRoot,
  file,
  layerOf,
  makeMinimalRoot,
  nothing,
  openApplyRoot,
} from "../support/apply-root.ts";
import { cache } from "../support/image.ts";

const scratch = openScratch({ cache, pid: process.pid });
const agentKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIwq5zbqvHB7oay85q7w9aXNSRvIMI+XV0CYw2TyAdx0 agent";
let plan: NodePlan;
let lower: string;
let count = 0;

const freshRoot = (): Promise<ApplyRoot> => {
  count += 1;
  return openApplyRoot(lower, scratch.folder(`root-${count}`));
};

beforeAll(async () => {
  plan = await examplePlan();
  lower = await makeMinimalRoot(cache, plan.image.packages);
});
afterAll(() => scratch.close());

async function examplePlan(): Promise<NodePlan> {
  const file = join(packageRoot, "examples/cluster.yaml");
  const cluster = requireCluster(await readClusterFile(file), file);
  const directory = join(packageRoot, "templates/roles");
  const roles = await readRoleCatalogue([{ directory, shownAs: "templates/roles" }]);
  const trust = { agentKey, hostCaKey: agentKey };
  const planned = planNode({ cluster, roles, trust, operatingSystems: ["debian-12"], makeSeed }, "node1");
  const hash = await hashPassword(new Secret("never typed"), new Uint8Array(saltBytes));
  const files = planned.node.files.map((file) => fillSecrets(file, new Map([["recovery-hash", hash]])));
  return { ...planned, node: { ...planned.node, files } };
}

describe("the roles of a node, in a fresh root", () => {
  let root: ApplyRoot;
  beforeAll(async () => {
    root = await freshRoot();
  });

  test("a dry run says what would change, and changes nothing", async () => {
    const before = await root.tree();
    const said = await root.apply({ name: "image", ...plan.image }, { words: ["--dry-run"] });
    expect(said.exitCode).toBe(3);
    expect(said.stdout).toContain("A /usr/lib/imagectl/accounts\n");
    expect(said.stdout).toContain("M /etc/ssh/sshd_config\n");
    expect(said.stdout).toContain("    +PasswordAuthentication no\n");
    expect(said.stdout).toContain("command remove short Diffie-Hellman groups\n");
    expect(said.stdout).toContain("service ssh.socket mask\n");
    expect(await root.tree()).toBe(before);
  });

  test("what not everyone may read is not shown by a dry run", async () => {
    const said = await root.apply({ name: "image", ...plan.image }, { words: ["--dry-run"] });
    expect(said.stdout).toContain("M /etc/sudoers\nA /etc/sudoers.d/imagectl\n");
  });

  test("both layers go in, and a second time there is nothing to change", async () => {
    for (const layer of [
      { name: "image" as const, ...plan.image },
      { name: "node" as const, ...plan.node },
    ]) {
      const first = await root.apply(layer);
      expect(first, first.stdout + first.stderr).toMatchObject({ exitCode: 0 });
      const tree = await root.tree();
      expect(await root.apply(layer)).toMatchObject(nothing);
      expect(await root.apply(layer, { words: ["--dry-run"] })).toMatchObject(nothing);
      expect(await root.tree()).toBe(tree);
    }
  });

  test("people have their ids and a home of their own, and only the console's account has a password", async () => {
    const { stdout } = await root.run(`
      for name in alice carol imagectl; do echo "$name $(id -u $name):$(id -g $name) $(id -nG $name)"; done
      stat -c '%n %a %U:%G' /home/alice /home/carol
      awk -F ':' '$2 !~ /^[!*]/ { print "password:", $1 }' /etc/shadow
    `);
    expect(stdout).toBe(
      [
        "alice 10001:10001 alice ssh-users",
        "carol 10002:10002 carol sudo ssh-users",
        "imagectl 901:901 imagectl ssh-users",
        "/home/alice 700 alice:alice",
        "/home/carol 700 carol:carol",
        "password: recovery",
        "",
      ].join("\n"),
    );
  });

  test("no host key is left of those that the package made", async () => {
    expect((await root.run("ls /etc/ssh")).stdout).not.toContain("ssh_host");
  });

  test("what was applied is noted in JSON, with its role", async () => {
    const { stdout } = await root.run("cat /var/lib/imagectl/applied-node.json");
    const noted = JSON.parse(stdout) as { layer: string; files: unknown[] };
    expect(noted.layer).toBe("node");
    expect(noted.files).toEqual(
      plan.node.files.map(({ path, content, role }) => ({ path, sha256: sha256(content), role })),
    );
  });

  // ufw writes its files anew whenever it reloads: what it would write otherwise would be a change on the node.
  test.each([
    ["of the plan", undefined, /^22\/tcp +ALLOW IN +10\.77\.0\.1 *$/m],
    ["with name servers and a port for anyone", "anyone", /^443\/tcp +ALLOW IN +Anywhere *$/m],
    ["with a port for all nodes", "nodes", /^2049\/tcp +ALLOW IN +10\.77\.0\.0\/24 *$/m],
    ["of the bastion", "on-bastion", /^67\/udp on eth1 +ALLOW IN +Anywhere *$/m],
  ])(
    "the firewall's files %s are byte for byte what ufw itself writes of their rules",
    async (_name, example, shown) => {
      const rules = (name: string) =>
        readFileSync(join(packageRoot, `templates/roles/firewall/cases/${example}.etc-ufw-${name}`), "utf8");
      const defaults = (name: string) =>
        readFileSync(join(packageRoot, `templates/roles/firewall/cases/${name}.etc-default-ufw`), "utf8");
      const { exitCode, stdout } = await root.run(`
      cp -a /etc/ufw/user.rules /etc/ufw/user6.rules /etc/default/ufw /var/tmp
      ${example === undefined ? "" : `cat >/etc/default/ufw <<'END'\n${defaults(example)}END`}
      ${example === undefined ? "" : `cat >/etc/ufw/user.rules <<'END'\n${rules("user.rules")}END`}
      ${example === undefined ? "" : `cat >/etc/ufw/user6.rules <<'END'\n${rules("user6.rules")}END`}
      cp /etc/ufw/user*.rules /tmp
      /lib/ufw/ufw-init start && ufw logging medium && ufw logging low && ufw status verbose
      diff /tmp/user.rules /etc/ufw/user.rules && diff /tmp/user6.rules /etc/ufw/user6.rules && echo same
      cp -a /var/tmp/user.rules /var/tmp/user6.rules /etc/ufw; cp -a /var/tmp/ufw /etc/default
    `);
      expect({ exitCode, stdout }).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^same$/m) });
      expect(stdout).toContain(
        `Default: deny (incoming), ${example === "on-bastion" ? "allow" : "deny"} (outgoing)`,
      );
      expect(stdout).toMatch(shown);
    },
  );

  test("a key that was added on the node goes away with the next apply", async () => {
    await root.run("echo 'ssh-ed25519 AAAA intruder' >>/etc/ssh/authorized_keys.d/alice");
    await root.run("echo 'ssh-ed25519 AAAA intruder' >/etc/ssh/authorized_keys.d/root");
    const said = await root.apply({ name: "node", ...plan.node });
    expect(said.stdout).toContain("keys alice\n    no-keys root\n");
    expect((await root.run("grep -r intruder /etc/ssh")).stdout).toBe("");
    expect(await root.apply({ name: "node", ...plan.node })).toMatchObject(nothing);
  });

  test("a person whose number changed is refused, and everything stays", async () => {
    const before = await root.tree();
    const files = plan.node.files.map((each) => ({
      ...each,
      content: each.content.replace("alice 10001", "alice 10009"),
    }));
    const said = await root.apply({ name: "node", ...plan.node, files });
    expect(said.exitCode).toBe(1);
    expect(said.stdout).toContain(
      "alice: its uid here is 10001, the cluster says 10009; a uid never changes",
    );
    expect(await root.tree()).toBe(before);
  });

  test("a configuration that sshd refuses leaves everything as it was", async () => {
    const before = await root.tree();
    const files = plan.image.files.map((each) =>
      each.path === "/etc/ssh/sshd_config" ? { ...each, content: `${each.content}UsePAM perhaps\n` } : each,
    );
    const said = await root.apply({ name: "image", ...plan.image, files });
    expect(said.exitCode).toBe(1);
    expect(said.stdout).toContain('the validator "sshd reads its configuration" refuses the new files');
    expect(await root.tree()).toBe(before);
    expect(await root.apply({ name: "image", ...plan.image })).toMatchObject(nothing);
  });

  test("the whole tree is the same when the layers go into another root", async () => {
    const other = await freshRoot();
    await other.apply({ name: "image", ...plan.image });
    await other.apply({ name: "node", ...plan.node });
    const configuration = "find /etc /usr/lib/imagectl -type f ! -name '*-' | sort | xargs sha256sum";
    expect((await other.run(configuration)).stdout).toBe((await root.run(configuration)).stdout);
  });
});

test("what is masked is required by nobody: sshd of Ubuntu requires its socket where that is enabled", async () => {
  const root = await freshRoot();
  const links = "find /etc/systemd/system -path '*.requires/*'";
  const before = await root.run(`
    sed -i '/^WantedBy=/a RequiredBy=ssh.service' /lib/systemd/system/ssh.socket
    systemctl --quiet enable ssh.socket && ${links}`);
  expect(before.stdout).toBe("/etc/systemd/system/ssh.service.requires/ssh.socket\n");
  expect(await root.apply({ name: "image", ...plan.image })).toMatchObject({ exitCode: 0 });
  const after = await root.run(`${links}; systemctl is-enabled ssh.socket ssh.service`);
  expect(after.stdout).toBe("masked\nenabled\n");
});

describe("files", () => {
  test("a mode, an owner and a link in the place of a file are put right", async () => {
    const root = await freshRoot();
    const layer = layerOf([file("/etc/one", "1\n"), file("/etc/two", "2\n"), file("/etc/three", "3\n")]);
    await root.apply(layer);
    await root.run("chmod 666 /etc/one; chown nobody /etc/two; ln -sf /etc/passwd /etc/three");
    const said = await root.apply(layer);
    expect(said.stdout).toBe("M /etc/one\nM /etc/three\nM /etc/two\nthe node layer is applied\n");
    const { stdout } = await root.run("stat -c '%n %a %U %F' /etc/one /etc/two /etc/three");
    expect(stdout).toBe(
      "/etc/one 644 root regular file\n/etc/two 644 root regular file\n/etc/three 644 root regular file\n",
    );
  });

  test("what the plan no longer has goes away", async () => {
    const root = await freshRoot();
    await root.apply(layerOf([file("/etc/sample/one", "1\n"), file("/etc/sample/two", "2\n")]));
    const said = await root.apply(layerOf([file("/etc/sample/one", "1\n")]));
    expect(said).toMatchObject({ exitCode: 0, stdout: "D /etc/sample/two\nthe node layer is applied\n" });
    expect((await root.run("ls /etc/sample")).stdout).toBe("one\n");
  });

  test("a file that moved to the other layer stays", async () => {
    const root = await freshRoot();
    await root.apply(layerOf([file("/etc/one", "1\n")]));
    await root.apply(layerOf([file("/etc/one", "image\n")], { name: "image" }));
    await root.apply(layerOf([]));
    expect((await root.run("cat /etc/one")).stdout).toBe("image\n");
  });

  test("a file that was changed on the node is kept aside, where nothing reads it", async () => {
    const root = await freshRoot();
    await root.apply(layerOf([file("/etc/one.conf", "ours\n"), file("/etc/two.conf", "ours\n")]));
    await root.run("echo theirs >/etc/one.conf; echo theirs too >/etc/two.conf");
    const aside = (content: string) => `imagectl-kept-${sha256(content).slice(0, 8)}`;
    const said = await root.apply(layerOf([file("/etc/one.conf", "ours, newer\n")]));
    expect(said.stdout).toContain(
      `K /etc/one.conf was changed here; its text is kept as /etc/one.conf.${aside("theirs\n")}`,
    );
    const { stdout } = await root.run(
      "cd /etc; for name in one.conf* two.conf*; do echo $name; cat $name; done",
    );
    expect(stdout).toBe(
      [
        "one.conf\nours, newer",
        `one.conf.${aside("theirs\n")}\ntheirs`,
        `two.conf.${aside("theirs too\n")}\ntheirs too`,
        "",
      ].join("\n"),
    );
    expect(await root.apply(layerOf([file("/etc/one.conf", "ours, newer\n")]))).toMatchObject(nothing);
  });

  test("a folder where a file must go is refused by name", async () => {
    const root = await freshRoot();
    const said = await root.apply(layerOf([file("/etc/ssh", "x")]));
    expect(said).toMatchObject({ exitCode: 1 });
    expect(said.stdout).toContain("/etc/ssh is a folder and must become a file");
  });
});

describe("commands", () => {
  const command = (name: string, script: string, onChange: string[]) => ({
    name,
    run: script,
    onChange,
    role: "sample",
  });

  test("a command runs when one of its files changes or goes away, and only then", async () => {
    const root = await freshRoot();
    const note = command("note it", "echo noted >>/var/log/notes", ["/etc/one"]);
    const lines = async () => (await root.run("wc -l </var/log/notes")).stdout.trim();
    await root.apply(layerOf([file("/etc/one", "1\n"), file("/etc/two", "2\n")], { commands: [note] }));
    await root.apply(layerOf([file("/etc/one", "1\n"), file("/etc/two", "3\n")], { commands: [note] }));
    expect(await lines()).toBe("1");
    await root.apply(layerOf([file("/etc/one", "4\n")], { commands: [note] }));
    expect(await lines()).toBe("2");
    await root.apply(layerOf([], { commands: [note] }));
    expect(await lines()).toBe("3");
  });

  test("a command that fails says why, and the old files come back", async () => {
    const root = await freshRoot();
    const derive = command("derive", "cp /etc/source /etc/derived", ["/etc/source"]);
    const check = command("check", "echo no such thing >&2; exit 7", ["/etc/source"]);
    await root.apply(layerOf([file("/etc/source", "old\n")], { commands: [derive] }));
    const before = await root.tree();
    const said = await root.apply(
      layerOf([file("/etc/source", "new\n"), file("/etc/more", "")], { commands: [derive, check] }),
    );
    expect(said.exitCode).toBe(1);
    expect(said.stdout).toContain('    no such thing\nfailed: the command "check" (exit code 7)\n');
    // Also what the first command made of the new file: it ran again, with the old one.
    expect(await root.tree()).toBe(before);
  });

  test("a second apply at the same time is refused, and does not disturb the first", async () => {
    const root = await freshRoot();
    const script = `
      cp -r /run/overlay /run/second
      sh /run/second/imagectl/apply >/var/log/second 2>&1; echo "code $?" >>/var/log/second`;
    const again = command("apply again meanwhile", script, ["/etc/one"]);
    expect(await root.apply(layerOf([file("/etc/one", "1\n")], { commands: [again] }))).toMatchObject({
      exitCode: 0,
    });
    expect((await root.run("cat /etc/one /var/log/second")).stdout).toBe(
      "1\nfailed: another apply is running here\ncode 1\n",
    );
  });
});

describe("another root", () => {
  test("--root applies inside of it and leaves nothing of the overlay behind", async () => {
    const root = await freshRoot();
    const script = `
      mkdir -p /srv/inner && cd /srv/inner
      for folder in usr etc var; do cp -a /$folder .; done
      for link in bin sbin lib lib64; do cp -a /$link .; done
      mkdir -p proc dev run tmp
      sh /run/overlay/imagectl/apply --root /srv/inner >/var/log/inner; echo "code $?" >>/var/log/inner`;
    const inner = { name: "go inside", run: script, unless: "test -e /srv/inner", role: "sample" };
    // The inner apply finds the command done: the copy of the root has the folder that its test looks for.
    await root.apply(layerOf([file("/etc/one", "1\n")], { commands: [inner] }));
    const { stdout } = await root.run("cat /var/log/inner /srv/inner/etc/one; ls -A /srv/inner/var/tmp");
    expect(stdout).toContain("code 0\n1\n");
    expect(stdout).not.toContain("imagectl-apply");
  });
});
