/** A node's logs and the bastion that keeps them, booted: by the roles' checks, and by what goes wrong on the way. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BootedNode } from "../../src/lab/booted-nodes.ts";
import { packageRoot } from "../../src/paths.ts";
import { run } from "../../src/run.ts";
import { bootedSystems, lab } from "../support/lab-cluster.ts";
import { openLogLab } from "../support/log-lab.ts";
import { prove } from "../support/prove.ts";
import type { TwoMachines } from "../support/two-machines.ts";

/** rsyslog tries again every 5 to 30 seconds. Milliseconds. */
const pace = { timeout: 60_000, interval: 500 };

/** Logs so many messages, each with its number, at once. */
const burst = (word: string, count: number): string =>
  `seq -f '${word} %g end' ${count} | logger -p auth.notice -t imagectl-test`;

const stopServer = "systemctl stop syslog.socket rsyslog.service";
const startServer = "systemctl reset-failed rsyslog.service; systemctl start syslog.socket rsyslog.service";
/** This machine counts as node1 too, so that it can try what machines do. */
const allowLoopback = `sed -i 's/{"index": "", "value": ""}/{"index": "127.0.0.1", "value": "node1"}/' /etc/imagectl/log-server/nodes.json; systemctl restart rsyslog.service; sleep 1`;

/** RELP by hand: what a program sends that is no rsyslogd. The server answers each with its number. */
function relp(way: string, message: string): string {
  const hello = "relp_version=0\ncommands=syslog";
  const text = `<13>Nov 29 12:00:00 ${message}`;
  const frames = [`1 open ${hello.length} ${hello}`, `2 syslog ${text.length} ${text}`];
  const sent = frames.map((frame) => `echo '${frame}'; sleep 1`).join("; ");
  return `{ ${sent}; sleep 1; } | timeout 10 socat -t 2 - ${way}`;
}

/** @returns a script that leaves a certificate with this subject, and its key, that nobody of the cluster made. */
async function forge(subject: string): Promise<string> {
  const words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  const { stdout } = await run("openssl", [...words, "-subj", `/CN=${subject}`, "-keyout", "-", "-out", "-"]);
  return `cat >/run/forged.pem <<'PEM'\n${stdout}\nPEM\n`;
}

/** @returns a script that puts the role's expected file for UDP in place. */
function rendered(role: string, file: string): string {
  const name = `udp.etc-${file.replaceAll("/", "-")}`;
  const text = readFileSync(join(packageRoot, "templates/roles", role, "cases", name), "utf8");
  return `cat >/etc/${file} <<'FILE'\n${text}FILE\n`;
}

describe.each(bootedSystems)("%s", (os) => {
  let logs: TwoMachines;
  beforeAll(async () => {
    logs = await openLogLab(os);
  });
  afterAll(() => logs?.close());

  const on = async (machine: BootedNode, script: string): Promise<string> => {
    const { exitCode, stdout, stderr } = await machine.host.run(script, 60);
    expect(exitCode, stdout + stderr).toBe(0);
    return stdout.trim();
  };
  const onNode = (script: string) => on(logs.node, script);
  const onBastion = (script: string) => on(logs.bastion, script);
  /** Lines of the bastion's files with this text, each with its file. */
  const kept = (text: string) => onBastion(`grep -rF '${text}' /var/log/remote || :`);

  test("each check of the roles is green, and its fault turns it red", async () => {
    for (const [machine, role] of [
      [logs.node, "rsyslog"],
      [logs.bastion, "log-server"],
    ] as const) {
      const { proofs, elsewhere } = await prove({
        plan: machine.plan,
        vantages: machine.vantages,
        wanted: (check) => check.role === role,
        capabilities: ["another-machine"],
        settleSeconds: 30,
      });
      expect(proofs.length).toBeGreaterThan(3);
      expect(elsewhere).toEqual([]);
    }
  });

  test("a message is in the file of its machine and facility, and only what is chosen goes out", async () => {
    const sent = ["auth.info", "authpriv.info", "cron.info", "user.debug", "local5.emerg", "user.emerg"];
    const ours = ["daemon.info", "local5.alert"];
    for (const facility of [...sent, ...ours]) {
      await onNode(`logger -p ${facility} -t imagectl-test 'chosen ${facility} end'`);
    }
    await expect.poll(() => kept("chosen user.emerg end"), pace).not.toBe("");
    const files = (await kept("imagectl-test: chosen "))
      .split("\n")
      .map((line) => line.replace(/^(\S+?):.*chosen (\S+) end$/, "$1 $2"));
    expect(files.sort()).toEqual(
      sent.map((facility) => `/var/log/remote/node1/${facility.split(".")[0]}.log ${facility}`).sort(),
    );
  });

  test("who claims another machine's name is filed under his own", async () => {
    await onNode(relp("TCP:127.0.0.1:2514", "node2 sshd: I am node2"));
    await expect.poll(() => kept("I am node2"), pace).not.toBe("");
    expect(await kept("I am node2")).toMatch(
      /^\/var\/log\/remote\/node1\/user\.log:\S+ node2 sshd: I am node2$/,
    );
  });

  const arrived = (word: string) =>
    onBastion(`grep -rhoE '${word} [0-9]+ end' /var/log/remote | sort -u | wc -l`);

  test("500 messages that are logged while the log server is down arrive when it is back", async () => {
    await onBastion(stopServer);
    await onNode(`${burst("waits", 500)}; sleep 2; ls /var/spool/rsyslog/bastion.*`);
    expect(await arrived("waits")).toBe("0");
    await onBastion(startServer);
    const startedAt = Date.now();
    await expect.poll(() => arrived("waits"), pace).toBe("500");
    console.log(`500 messages were there ${Date.now() - startedAt} ms after the log server's return`);
  });

  // What was on the way when the server went is not on disk: the first messages show that it is gone.
  test("what waits on disk outlives an rsyslogd that is killed", async () => {
    await onBastion(stopServer);
    await onNode(`${burst("on the way", 5)}; sleep 2; ${burst("on disk", 500)}; sleep 2`);
    await onNode(
      "systemctl kill --signal=KILL rsyslog.service; sleep 2; systemctl is-active rsyslog.service",
    );
    expect(await arrived("on disk")).toBe("0");
    await onBastion(startServer);
    await expect.poll(() => arrived("on disk"), pace).toBe("500");
  });

  test("a false log server gets nothing, and the right one gets everything afterwards", async () => {
    await onBastion(`${await forge("log-server")}${stopServer}`);
    await onBastion(
      "systemd-run --quiet --unit=imagectl-false socat -u OPENSSL-LISTEN:2514,reuseaddr,fork,cert=/run/forged.pem,verify=0 OPEN:/run/false-log,creat,append",
    );
    await onNode(burst("secret", 150));
    await onBastion(
      "timeout 40 sh -c 'until journalctl -u imagectl-false | grep -q \"SSL\"; do sleep 1; done'; sleep 10",
    );
    await onBastion(`systemctl stop imagectl-false.service; ! grep -q secret /run/false-log; ${startServer}`);
    await expect.poll(() => arrived("secret"), pace).toBe("150");
  });

  test("a forged certificate of a machine is refused, whatever name is in it", async () => {
    const send = (certificate: string, text: string) =>
      logs.bastion.host.run(
        relp(`OPENSSL:127.0.0.1:2514,verify=0,cert=${certificate}`, `node1 sshd: ${text}`),
        30,
      );
    await onBastion(`${await forge("log-node")}${allowLoopback}`);
    const right = await send("/etc/imagectl/log-server/nodes.pem", "of the right key");
    expect(right.stdout).toContain("2 rsp 6 200 OK");
    const forged = await send("/run/forged.pem", "of a forged key");
    expect(forged.stdout).not.toContain("200 OK");
    await expect.poll(() => kept("of the right key"), pace).not.toBe("");
    expect(await kept("of a forged key")).toBe("");
  });

  test("what a machine said a second before its power went is on the bastion", async () => {
    // The server was away in the tests above, and rsyslogd waits before it tries again.
    await onNode("logger -p user.crit -t imagectl-test 'first words'");
    await expect.poll(() => kept("first words"), pace).not.toBe("");
    await onNode("logger -p user.crit -t imagectl-test 'last words'; sleep 1");
    await logs.node.host.powerOff();
    expect(await kept("last words")).toMatch(/^\/var\/log\/remote\/node1\/user\.log:/);
    await logs.node.host.boot();
  });

  test("by UDP, messages are filed by their address as well, and a stranger's nowhere", async () => {
    await onBastion(
      `${rendered("log-server", "rsyslog.d/10-imagectl-receiver.conf")}systemctl restart rsyslog.service`,
    );
    await onNode(`${rendered("rsyslog", "rsyslog.d/70-network.conf")}systemctl restart rsyslog.service`);
    await expect
      .poll(async () => {
        await onNode("logger -p auth.info -t imagectl-test 'by UDP from node1'");
        return kept("by UDP from node1");
      }, pace)
      .toMatch(/^\/var\/log\/remote\/node1\/auth\.log:/);
    const stranger = `bash -c 'echo "<38>Nov 29 12:00:00 node1 sshd: by UDP from a stranger" >/dev/udp/${lab.bastion}/514'`;
    expect(await logs.node.vantages.outsider(stranger, 10)).toMatchObject({ exitCode: 0 });
    await onNode("logger -p auth.info -t imagectl-test 'by UDP at last'");
    await expect.poll(() => kept("by UDP at last"), pace).not.toBe("");
    expect(await kept("by UDP from a stranger")).toBe("");
  });
});
