/** The bastion's copies of a node, made over the network: whole, compared, kept, and told to Prometheus. In the lab one machine is both. */
import { readFileSync } from "node:fs";
import { beforeAll, expect, test } from "vitest";
import { pageFile } from "../../src/paths.ts";
import { applyParams } from "./backup-pulls.ts";
import { type BootedLab, onMachine } from "./booted-lab.ts";
import { type LabClusterOptions, lab } from "./lab-cluster.ts";

/** The first night: the key that the bastion made goes into the cluster file, and apply brings it to the node. */
export async function makeFirstCopy(booted: BootedLab, options: LabClusterOptions): Promise<void> {
  const key = await onMachine(booted, "cat /var/lib/imagectl-backup/key.pub");
  const skip = (options.otherNodes ?? []).map(({ name }) => name);
  await applyParams(booted, options, {
    "backup-agent": { key, host: lab.node.address },
    "backup-puller": { keep: 2, skip },
  });
  await onMachine(booted, startsCopying);
}

/** Systemd starts a unit only five times in ten seconds, and nights follow each other quickly here. */
const startsCopying =
  "systemctl reset-failed imagectl-backup.service; systemctl start imagectl-backup.service";
const copy = "/srv/backup/node1/current";

export function describeCopies(booted: () => BootedLab): void {
  const machine = (script: string): Promise<string> => onMachine(booted(), script);
  const metric = async (name: string): Promise<number> => {
    const url = `http://${lab.node.address}:9100/metrics`;
    const { stdout } = await booted().vantages.bastion(`curl -sS --max-time 10 ${url}`, 20);
    return Number(new RegExp(`^imagectl_backup_${name}\\{node="node1"\\} (\\S+)$`, "m").exec(stdout)?.[1]);
  };
  // The night may come while these are made by hand.
  beforeAll(() => machine("systemctl stop imagectl-backup.timer"));

  test("what root alone may read is copied, and Prometheus is told when and how much", async () => {
    await machine("printf 0123456789 | install -m 0600 /dev/stdin /srv/data/notes; mkdir -p /srv/data/empty");
    const before = Number(await machine("date +%s"));
    await machine(startsCopying);
    expect(await machine(`stat -c '%a %U' ${copy}/notes; cat ${copy}/notes; ls ${copy}`)).toMatch(
      /^600 root\n0123456789empty\n/,
    );
    expect(await metric("last_success_timestamp_seconds")).toBeGreaterThanOrEqual(before);
    expect(await metric("size_bytes")).toBe(Number(await machine(`cat ${copy}/* 2>/dev/null | wc -c`)));
    expect(await metric("differences")).toBe(0);
    expect(await metric("wanted")).toBe(1);
  });

  test("a byte that went bad in the copy is found, named, and mended by copying anew", async () => {
    await machine(`
        touch -r ${copy}/notes /run/then
        printf X | dd of=${copy}/notes conv=notrunc status=none
        touch -r /run/then ${copy}/notes; ${startsCopying}`);
    expect(await metric("damaged_files")).toBe(1);
    expect(await metric("differences")).toBe(1);
    expect(await machine("journalctl -q --no-pager -u imagectl-backup.service")).toContain(
      "node1: damaged: notes",
    );
    await machine(`rm ${copy}/notes; ${startsCopying}`);
    expect(await metric("damaged_files")).toBe(0);
    expect(await machine(`cat ${copy}/notes`)).toBe("0123456789");
  });

  test("what a node lost is brought back as docs/roles.md says it, with its owner and mode", async () => {
    await machine(
      `printf thesis | install -m 0640 -o alice /dev/stdin /srv/data/work; ${startsCopying}; rm /srv/data/work`,
    );
    const [, line = ""] =
      /^`(sudo tar -C \/srv\/backup\/.*)`/m.exec(readFileSync(pageFile("roles.md"), "utf8")) ?? [];
    // One machine is both here, and root on it needs no sudo and no ssh.
    const command = line
      .replaceAll("sudo ", "")
      .replace("ssh NODE ", "")
      .replace("NODE", "node1")
      .replace("PATH", "work");
    expect(command).toMatch(/^tar .* \| tar .*$/);
    await machine(command);
    expect(await machine("stat -c '%a %U' /srv/data/work; cat /srv/data/work")).toBe("640 alice\nthesis");
  });

  test("a drill brings files back and compares them with the node's, and says which are not the same", async () => {
    const drill =
      "systemctl reset-failed imagectl-backup-drill.service; systemctl start imagectl-backup-drill.service";
    const before = Number(await machine("date +%s"));
    await machine(drill);
    expect(await metric("drill_timestamp_seconds")).toBeGreaterThanOrEqual(before);
    expect([await metric("drill_files"), await metric("drill_failed_files")]).toEqual([2, 0]);
    await machine(`touch -r ${copy}/notes /run/then
        printf X | dd of=${copy}/notes conv=notrunc status=none
        touch -r /run/then ${copy}/notes; ${drill}`);
    expect(await metric("drill_failed_files")).toBe(1);
    expect(await machine("journalctl -q --no-pager -u imagectl-backup-drill.service")).toContain(
      "node1: not what the node has: notes",
    );
    // What the node has changed since, or lost, is no fault of the copy.
    await machine(
      `rm ${copy}/notes; ${startsCopying}; rm /srv/data/work; printf abc >/srv/data/notes; ${drill}`,
    );
    expect([await metric("drill_files"), await metric("drill_failed_files")]).toEqual([2, 0]);
    expect(await machine("ls -A /srv/backup | grep drill || :")).toBe("");
    await machine(`printf 0123456789 >/srv/data/notes; ${startsCopying}`);
  });

  test("what a node loses stays in the copy before, for as many as are kept", async () => {
    await machine(`rm /srv/data/notes; ${startsCopying}`);
    const inCopies = () =>
      machine("ls /srv/backup/node1/*Z/notes 2>/dev/null | wc -l; ls -d /srv/backup/node1/*Z | wc -l");
    expect(await inCopies()).toBe("1\n2");
    await machine(startsCopying);
    expect(await inCopies()).toBe("0\n2");
  });

  test("a node that cannot prove its name is not asked, and its last copy counts on", async () => {
    const certificate = "/etc/ssh/ssh_host_ed25519_key-cert.pub";
    const restart = "systemctl reset-failed ssh.service; systemctl restart ssh.service";
    const before = await metric("last_success_timestamp_seconds");
    await machine(`mv ${certificate} /run/certificate; ${restart}`);
    const { exitCode } = await booted().host.run(startsCopying, 60);
    await machine(`mv /run/certificate ${certificate}; ${restart}`);
    expect(exitCode).toBe(1);
    expect(await machine("journalctl -q --no-pager -u imagectl-backup.service")).toContain(
      "Host key verification failed",
    );
    expect(await metric("last_success_timestamp_seconds")).toBe(before);
    // The metric is in whole seconds.
    await machine(`sleep 1; ${startsCopying}`);
    expect(await metric("last_success_timestamp_seconds")).toBeGreaterThan(before);
  });
}
