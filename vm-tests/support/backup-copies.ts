/** The bastion's copies of a node, made over the network: whole, compared, kept, and told to Prometheus. In the lab one machine is both. */
import { beforeAll, expect, test } from "vitest";
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
