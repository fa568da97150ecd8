/** The recovery account: in at the console with this machine's password, and nobody else, and nowhere else. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BootedLab, openBootedLab } from "../support/booted-lab.ts";
import { consoleScript, type Dialogue, shownBy } from "../support/console.ts";
import { recoveryPassword } from "../support/recovery.ts";

let booted: BootedLab;
beforeAll(async () => {
  booted = await openBootedLab();
});
afterAll(() => booted?.close());

const password = recoveryPassword.reveal();

async function atConsole(command: string, dialogue: Dialogue): Promise<string> {
  await booted.host.run("faillock --user recovery --reset", 10);
  return shownBy(await booted.host.run(consoleScript(command, dialogue), 120));
}

const logIn = (name: string, secret: string): Dialogue => [
  { after: "login: ", type: name },
  { after: "Password: ", type: secret },
];

describe("at the console", () => {
  test("the right password gives a shell, and sudo wants it again", async () => {
    const shown = await atConsole("login", [
      ...logIn("recovery", password),
      { after: "recovery@node1", type: "id -un; pwd; sudo -n true; echo code $?" },
      { after: "code [0-9]", type: "sudo -k id -un" },
      { after: "assword for recovery", type: password },
      { after: "root", type: "exit" },
    ]);
    expect(shown).toMatch(/^recovery\n\/var\/lib\/recovery\n/m);
    expect(shown).toContain("a password is required");
    expect(shown).toContain("code 1");
    expect(shown).toMatch(/^root$/m);
    expect(shown).not.toContain("no answer");
  });

  test("who came in, and when, is told to the bastion; a person's login is not", async () => {
    const told = "cat /var/lib/prometheus/node-exporter/imagectl-recovery.prom";
    await booted.host.run("rm -rf /var/lib/prometheus && mkdir -p /var/lib/prometheus/node-exporter", 10);
    const { alice } = booted.cluster.userKeys;
    expect(await booted.sshAs("alice", alice, ["true"])).toMatchObject({ exitCode: 0 });
    expect(await booted.host.run(told, 10)).toMatchObject({ exitCode: 1 });
    const before = Math.floor(Date.now() / 1000);
    await atConsole("login", [...logIn("recovery", password), { after: "recovery@node1", type: "exit" }]);
    const { stdout } = await booted.host.run(`setpriv --reuid nobody --clear-groups ${told}`, 10);
    const [, time] = /^imagectl_recovery_login_time_seconds ([0-9]+)\n$/.exec(stdout) ?? [];
    expect(Number(time), stdout).toBeGreaterThanOrEqual(before);
  });

  test.each([
    ["a wrong password", "recovery", "01234-56789-abcde-fghj0"],
    ["root, who has none", "root", password],
    ["a person, who has none", "alice", password],
    ["the bastion's account", "imagectl", password],
  ])("%s is refused", async (_who, name, secret) => {
    const shown = await atConsole("login", logIn(name, secret));
    expect(shown).toContain("Login incorrect");
    expect(shown).not.toContain(`${name}@node1`);
  });

  test("the right password from another machine is refused, whatever asks", async () => {
    const shown = await atConsole("login -h 10.77.0.1", logIn("recovery", password));
    expect(shown).not.toContain("recovery@node1");
    expect(shown).toMatch(/Permission denied|incorrect/);
  });

  test("after five wrong passwords even the right one waits", async () => {
    const wrong = "echo wrong | setpriv --reuid nobody --regid nogroup --clear-groups su -c true recovery";
    const right = `echo ${password} | setpriv --reuid nobody --regid nogroup --clear-groups su -c true recovery`;
    expect((await booted.host.run(right, 20)).exitCode).toBe(0);
    await booted.host.run(`for _ in 1 2 3 4 5; do ${wrong}; done`, 60);
    expect((await booted.host.run(right, 20)).exitCode).toBe(1);
    await booted.host.run("faillock --user recovery --reset", 10);
    expect((await booted.host.run(right, 20)).exitCode).toBe(0);
  });
});

test("ssh refuses it with a key that opens another account, even where somebody gave it that key", async () => {
  const { alice } = booted.cluster.userKeys;
  const key = readFileSync(`${alice}.pub`, "utf8").trim();
  expect(await booted.sshAs("alice", alice, ["id", "-un"])).toMatchObject({ exitCode: 0, stdout: "alice\n" });
  const attempt = () => booted.sshAs("recovery", alice, ["true"]);
  expect((await attempt()).exitCode).toBe(255);
  await booted.host.run(
    `echo '${key}' >/etc/ssh/authorized_keys.d/recovery; usermod -aG ssh-users recovery`,
    10,
  );
  expect(await attempt()).toMatchObject({ exitCode: 255 });
  // sshd looks away first; without its rule, PAM still says where from.
  await booted.host.run(
    "sed -i.kept 's/^DenyUsers.*/DenyUsers root/' /etc/ssh/sshd_config; systemctl reload ssh; sleep 1",
    10,
  );
  const byPam = await attempt();
  await booted.host.run("mv /etc/ssh/sshd_config.kept /etc/ssh/sshd_config; systemctl reload ssh", 10);
  expect(byPam.exitCode).not.toBe(0);
  const journal =
    "journalctl -q --no-pager -t sshd | grep -c 'pam_access(sshd:account): access denied for user .recovery.'";
  expect((await booted.host.run(journal, 20)).stdout).toBe("1\n");
  expect(await booted.apply()).toMatchObject({ exitCode: 0 });
  const left = await booted.host.run("id -nG recovery; ls /etc/ssh/authorized_keys.d", 10);
  expect(left.stdout).toBe("recovery\nalice\ncarol\nimagectl\n");
});

test("the hash is root's alone, and no log, list or journal of the node has it or the password", async () => {
  const hash = (await booted.host.run("cat /etc/imagectl/recovery", 10)).stdout.trim();
  expect(hash).toMatch(/^\$y\$j9T\$/);
  const { stdout } = await booted.host.run(
    `grep -rlF -e '${hash}' -e '${password}' /etc /var /run --exclude-dir=shm 2>/dev/null | sort; journalctl -q --no-pager | grep -cF '${hash}'`,
    60,
  );
  // shadow-: the copy that passwd's tools make before they change it, as private as the file itself.
  expect(stdout).toBe("/etc/imagectl/recovery\n/etc/shadow\n/etc/shadow-\n0\n");
  const asUser = await booted.host.run(
    "setpriv --reuid nobody --clear-groups cat /etc/imagectl/recovery",
    10,
  );
  expect(asUser.stderr).toContain("Permission denied");
});
