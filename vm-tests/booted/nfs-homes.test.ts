/** Home folders of a server and what a node does without one, booted. This kernel has no NFS: vm/nfs-homes.test.ts has. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BootedLab, onMachine, openBootedLab } from "../support/booted-lab.ts";
import { bootedSystems, type LabClusterOptions, wholeCluster } from "../support/lab-cluster.ts";
import { nfsRoles, otherNodes } from "../support/nfs-lab.ts";
import { prove } from "../support/prove.ts";

/** What of the server runs without a kernel that serves: the list of exports, and the daemon that could listen. */
const standIn = `mkdir -p /run/systemd/system
cat >/run/systemd/system/nfs-server.service <<'UNIT'
[Service]
Type=exec
ExecStartPre=exportfs -r
ExecStart=rpc.mountd --foreground
[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload; systemctl restart nfs-server.service`;

/** How long a login without a server may take. Milliseconds. Below the mount's own patience. */
const loginMs = 15_000;

/** Of a system without the role: see its role.yaml. */
const without = "ubuntu-26.04";
if (bootedSystems.includes(without))
  test.skip(`${without}: its systemd waits for /home before the network`, () => {});

describe.each(bootedSystems.filter((os) => os !== without))("%s", (os) => {
  const options: LabClusterOptions = { ...wholeCluster, os, roles: nfsRoles, users: ["carol"] };
  const bothUsers: LabClusterOptions = { ...options, users: ["alice", "carol"] };
  let booted: BootedLab;
  beforeAll(async () => {
    booted = await openBootedLab(options);
    await onMachine(booted, standIn);
  });
  afterAll(() => booted?.close());

  const onNode = (script: string) => onMachine(booted, script);
  const belowTheMount = (command: string) =>
    onNode(`unshare --mount sh -c 'mount --bind / /mnt && ${command} /mnt/home'`);
  const applied = async (): Promise<string> => {
    const { exitCode, stdout, stderr } = await booted.apply();
    expect(exitCode, stdout + stderr).toBe(0);
    return stdout;
  };

  test("each check of the roles is green, and its fault turns it red; the kernel's own are left to a machine", async () => {
    const { proofs, elsewhere } = await prove({
      plan: await booted.plan(),
      vantages: booted.vantages,
      wanted: ({ role }) => role.startsWith("nfs-"),
      settleSeconds: 20,
    });
    expect(elsewhere.map(({ check }) => check.needs)).toEqual(elsewhere.map(() => ["kernel-nfs"]));
    expect([proofs.length, elsewhere.length]).toEqual([9, 5]);
  });

  const why = os === "ubuntu-22.04" ? ": skipped, since 22.04's ends without a kernel that serves" : "";
  test.skipIf(why !== "")(`a daemon that knew of version 2 or 3 would listen${why}`, async () => {
    const settings = "/etc/nfs.conf";
    const listens = "{ ss -Hltnp | grep -c rpc.mountd || :; }";
    expect(await onNode(`pgrep -x rpc.mountd >/dev/null && ${listens}`)).toBe("0");
    const restart = "systemctl restart nfs-server.service && sleep 2";
    await onNode(`sed -i.before /^vers2=/d ${settings} && ${restart}`);
    expect(Number(await onNode(listens))).toBeGreaterThan(0);
    await onNode(`mv ${settings}.before ${settings} && ${restart}`);
    expect(await onNode(`pgrep -x rpc.mountd >/dev/null && ${listens}`)).toBe("0");
  });

  test("a new person has a folder of his own on the server, and none on the machine that mounts it", async () => {
    booted.cluster.rewrite(bothUsers);
    expect(await applied()).toContain("command make the home folders\n");
    expect(await onNode("stat -c '%n %u %g %a' /srv/home/*")).toBe(
      "/srv/home/alice 10001 10001 700\n/srv/home/carol 10002 10002 700",
    );
    expect(await onNode("stat -c '%U %a' /srv/home/alice/.profile")).toBe("alice 644");
    expect(await belowTheMount("ls -A")).toBe("");
    expect(await applied()).toBe("nothing to change\n");
  });

  test("what people made of their folders stays, also while they are not in the cluster file", async () => {
    await onNode(
      "cd /srv/home/alice && rm .profile && echo thesis >work && chown 10002 work && chmod 0751 .",
    );
    const look = "find /srv/home -printf '%P %U:%G %m\\n' | sort; cat /srv/home/alice/work";
    const before = await onNode(look);
    booted.cluster.rewrite(options);
    await applied();
    expect(await onNode(look)).toBe(before);
    booted.cluster.rewrite(bothUsers);
    await applied();
    expect(await onNode(look)).toBe(before);
  });

  test("a new node may mount them as soon as this is applied, and no longer when it is gone", async () => {
    booted.cluster.rewrite({ ...bothUsers, otherNodes: otherNodes.slice(0, 1) });
    await applied();
    const exported = "exportfs -s | sed 's/(.*//' | tr -s ' '";
    expect(await onNode(exported)).toBe("/srv/home 10.77.0.11\n/srv/home 10.77.0.12");
    booted.cluster.rewrite(bothUsers);
    await applied();
    expect(await onNode(exported)).toBe("/srv/home 10.77.0.11");
  });

  test("without a server people log in, and it is said that /home cannot be used", async () => {
    const startedAt = Date.now();
    const login = await booted.sshAs("alice", booted.cluster.userKeys.alice, ["id -un; pwd"]);
    const took = Date.now() - startedAt;
    console.log(`a login without a server took ${took} ms`);
    expect(login, login.stderr).toMatchObject({ exitCode: 0, stdout: "alice\n/\n" });
    expect(took).toBeLessThan(loginMs);
    const metric = "cat /var/lib/prometheus/node-exporter/imagectl-nfs-home.prom";
    expect(await onNode(metric)).toBe("imagectl_nfs_home_usable 0");
    expect(await onNode("journalctl -o cat -u imagectl-nfs-home | grep cannot")).toMatch(
      /^\/home cannot be used: /,
    );
    expect(await onNode("systemctl is-active home.automount multi-user.target")).toBe("active\nactive");
  });
});
