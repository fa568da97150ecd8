/** The backup host at a node's door: it copies what only root may read, and gets nothing else. Real rsync, real ssh. */
import { readFileSync } from "node:fs";
import { beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import type { CommandAnswer } from "../../src/verify/report.ts";
import { type BootedLab, onMachine } from "./booted-lab.ts";
import { type LabClusterOptions, lab } from "./lab-cluster.ts";

const secret = "/srv/data/for-root";

/** In the lab, the backup host's key is alice's. */
export function describePulls(booted: () => BootedLab, options: LabClusterOptions): void {
  const onNode = (script: string): Promise<string> => onMachine(booted(), script);
  beforeAll(async () => {
    const key = readFileSync(`${booted().cluster.userKeys.alice}.pub`, "utf8").trim();
    await applyParams(booted(), options, { "backup-agent": { key } });
    await onNode("rm -rf /srv/data/*");
  });
  test("it copies a file that only root may read", async () => {
    await onNode(`(umask 077; cat >${secret}) <<END\nof root\nEND`);
    const answer = await asBackupHost(
      booted(),
      'rsync -a -e "$way" "$there":/ copy/ && stat -c %a copy/for-root && cat copy/for-root',
    );
    expect(answer, answer.stderr).toMatchObject({ exitCode: 0, stdout: "600\nof root\n" });
  });

  test.each<[string, string, RegExp]>([
    [
      "a push",
      'rsync -a -e "$way" /etc/hostname "$there":/pushed',
      /sending to read-only server is not allowed/,
    ],
    ["what lies outside the folder", 'rsync -a -e "$way" "$there":/../../etc/shadow .', /do not use \.\. in/],
    [
      "the deletion of what was copied",
      'rsync -a --remove-source-files -e "$way" "$there":/for-root .',
      /option --remove-source-files has been disabled/,
    ],
    ["a command", '$way "$there" id', /does not run rsync/],
    ["a shell", '$way "$there"', /Not invoked via sshd/],
    // The login's banner is all: sshd drops what a subsystem writes to its standard error.
    ["sftp", '$way -s "$there" sftp', /Access is for authorised people only/],
    [
      "a way further into the network",
      'timeout 10 $way -W 127.0.0.1:22 "$there"',
      /administratively prohibited/,
    ],
    ["a terminal", '$way -tt "$there" id', /PTY allocation request failed/],
  ])("%s is refused", async (_what, script, reason) => {
    await onNode(`(umask 077; cat >${secret}) <<END\nof root\nEND`);
    const answer = await asBackupHost(booted(), script);
    expect(answer.exitCode, answer.stdout).not.toBe(0);
    expect(answer.stderr).toMatch(reason);
    expect(answer.stdout).toBe("");
    expect(await onNode("ls /srv/data")).toBe("for-root");
  });

  test("a port that it asks for leads nowhere", async () => {
    const way = `-N -L 127.0.0.1:9999:${lab.node.address}:22`;
    const answer = await asBackupHost(
      booted(),
      `$way ${way} "$there" & sleep 3; curl -s --max-time 5 telnet://127.0.0.1:9999 </dev/null; kill $!`,
    );
    expect(answer.stderr).toMatch(/open failed: administratively prohibited/);
    expect(answer.stdout).toBe("");
  });

  test("the same key from another machine is refused, even where the firewall lets it through", async () => {
    await onNode("iptables -I INPUT -p tcp --dport 22 -j ACCEPT");
    const answer = await from("outsider", booted(), '$way "$there" true');
    await onNode("iptables -D INPUT -p tcp --dport 22 -j ACCEPT");
    expect(answer).toMatchObject({ exitCode: 255 });
    expect(answer.stderr).toMatch(/Permission denied \(publickey\)/);
    expect(await asBackupHost(booted(), 'rsync -e "$way" "$there":/')).toMatchObject({ exitCode: 0 });
  });
}

/** Edits the cluster file, as an operator does, and applies it. */
export async function applyParams(
  booted: BootedLab,
  options: LabClusterOptions,
  params: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
): Promise<void> {
  const all = { ...(parse(options.params ?? "{}") as typeof params), ...params };
  booted.cluster.rewrite({ ...options, params: JSON.stringify(all) });
  const { exitCode, stdout, stderr } = await booted.apply();
  expect(exitCode, stdout + stderr).toBe(0);
}

const asBackupHost = (booted: BootedLab, script: string) => from("bastion", booted, script);

/** In a folder of its own, with the way to the node in $way and its name in $there. */
function from(vantage: "bastion" | "outsider", booted: BootedLab, script: string): Promise<CommandAnswer> {
  const options = ["IdentitiesOnly=yes", "BatchMode=yes", "ConnectTimeout=10"];
  const words = [
    "ssh",
    "-F",
    "/dev/null",
    "-i",
    booted.cluster.userKeys.alice,
    ...options.flatMap((option) => ["-o", option]),
  ];
  // The outsider knows no host CA, as nobody told it.
  const trust =
    vantage === "outsider"
      ? "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
      : "-o StrictHostKeyChecking=yes -o UserKnownHostsFile=$IMAGECTL_KNOWN_HOSTS -o GlobalKnownHostsFile=/dev/null";
  return booted.vantages[vantage](
    `folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
    way="${words.join(" ")} ${trust}"
    there=backup-agent@${lab.node.address}
    ${script}`,
    60,
  );
}
