/** The ways out of a node: packages by the bastion's cache, people's programs by its proxy, and nothing else. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BootedNode } from "../../src/lab/booted-nodes.ts";
import type { RunAt } from "../../src/verify/report.ts";
import { onMachine } from "../support/booted-lab.ts";
import { archiveSource, packageAt, packageName, ubuntuLists } from "../support/debian-archive.ts";
import {
  allowedName,
  type EgressLab,
  openEgressLab,
  otherName,
  page,
  wayOut,
} from "../support/egress-lab.ts";
import { bootedSystems, lab } from "../support/lab-cluster.ts";
import { prove } from "../support/prove.ts";

/** apt with the stand-in's archive alone, and nothing of it kept. */
const apt = (words: string): string => `
  mkdir -p /run/apt-lab/lists/partial /run/apt-lab/archives/partial && cd /run/apt-lab
  echo '${archiveSource}' >sources.list
  apt-get -o Dir::Etc::SourceList=/run/apt-lab/sources.list -o Dir::Etc::SourceParts=- -o Dir::State::Lists=/run/apt-lab/lists \
    -o Dir::Cache=/run/apt-lab -o APT::Sandbox::User=root -o Acquire::Retries=0 ${words}`;
const fetchPackage = `${apt("download")} ${packageName} && dpkg-deb --field ${packageName}_1_all.deb Package && rm ${packageName}_1_all.deb`;

/** Asks a port of the bastion by hand, since no node is sure to have a program for it. @param lines of the request. */
const ask = (port: number, ...lines: readonly string[]): string =>
  `printf '${[...lines, "", ""].join("\\r\\n")}' | timeout 20 bash -c 'exec 3<>/dev/tcp/${lab.bastion}/${port} && cat >&3 && cat <&3' 2>/dev/null | tr -d '\\r'`;

const proxyVariables = [
  "HTTPS_PROXY",
  "HTTP_PROXY",
  "NO_PROXY",
  "http_proxy",
  "https_proxy",
  "no_proxy",
] as const;

describe.each(bootedSystems)("%s", (os) => {
  let ways: EgressLab;
  beforeAll(async () => {
    ways = await openEgressLab(os);
  });
  afterAll(() => ways?.close());
  const onNode = (script: string) => onMachine(ways.node, script);
  const onBastion = (script: string) => onMachine(ways.bastion, script);

  const proveRoles = async ({ plan, vantages }: BootedNode, roles: readonly string[], name = /./) => {
    const { proofs, elsewhere } = await prove({
      plan,
      vantages,
      wanted: (check) => roles.includes(check.role) && name.test(check.name),
      capabilities: ["another-machine"],
      settleSeconds: 20,
    });
    expect(new Set(proofs.map(({ check }) => check.role))).toEqual(new Set(roles));
    expect(elsewhere).toEqual([]);
  };

  test("each check of the roles is green, and its fault turns it red", async () => {
    await proveRoles(ways.node, ["egress", "upgrades"]);
    await proveRoles(ways.bastion, ["package-cache", "egress-proxy"]);
  });

  test("a node gets lists and packages by the bastion, which fetches each once", async () => {
    await onNode(apt("update"));
    expect(await onNode(fetchPackage)).toMatch(new RegExp(`^${packageName}$`, "m"));
    expect(await onNode(fetchPackage)).toMatch(new RegExp(`^${packageName}$`, "m"));
    expect(ways.internet.asked.filter((asked) => asked === packageAt)).toHaveLength(1);
  });

  test("the node's own sources are those that the bastion fetches from", async () => {
    await onNode("apt-get -o Acquire::Retries=0 update >/dev/null 2>&1 || :");
    const codename = await onNode(". /etc/os-release && echo $VERSION_CODENAME");
    const [main, security] = os.startsWith("ubuntu-")
      ? ["archive.ubuntu.com/ubuntu", "security.ubuntu.com/ubuntu"]
      : ["deb.debian.org/debian", "deb.debian.org/debian-security"];
    expect(ways.internet.asked).toEqual(
      expect.arrayContaining([
        `${main}/dists/${codename}/InRelease`,
        `${main}/dists/${codename}-updates/InRelease`,
        `${security}/dists/${codename}-security/InRelease`,
      ]),
    );
  });

  test("lists of Ubuntu's archives come by the same way", async () => {
    for (const list of ubuntuLists) {
      expect(await onNode(ask(3142, `GET http://${list} HTTP/1.0`))).toMatch(/^HTTP\/1\.[01] 200 /);
      expect(ways.internet.asked).toContain(list);
    }
  });

  test("people's sessions know the way out, those of one command too, and so does sudo", async () => {
    for (const [user, command] of [
      ["alice", "env"],
      ["alice", "bash -lc env"],
      ["carol", "sudo -n env"],
    ] as const) {
      const { exitCode, stdout, stderr } = await ways.ssh(user, command);
      expect(exitCode, stderr).toBe(0);
      const variables = new Map(stdout.split("\n").map((line) => line.split("=", 2) as [string, string]));
      const known = [...variables.keys()].filter((name) => /_proxy$/i.test(name)).sort();
      expect(known, command).toEqual([...proxyVariables].sort());
      expect(variables.get("https_proxy"), command).toBe(wayOut);
      expect(variables.get("no_proxy")?.split(","), command).toEqual(
        expect.arrayContaining(["localhost", "10.77.0.0/24", ".cluster", "bastion", "node1"]),
      );
    }
  });

  test("a name that is allowed is reached, by tunnels too, and another is not, and it is written down", async () => {
    expect(await onNode(ask(3128, `GET http://${allowedName}/ HTTP/1.0`))).toMatch(
      /^HTTP\/1\.1 200 OK\n[\s\S]*came for$/,
    );
    expect(await onNode(ask(3128, `GET http://${otherName}/ HTTP/1.0`))).toMatch(/^HTTP\/1\.1 403 /);
    expect(await onNode(ask(3128, `CONNECT ${otherName}:443 HTTP/1.0`))).toMatch(/^HTTP\/1\.1 403 /);
    expect(await onNode(ask(3128, `CONNECT ${allowedName}:22 HTTP/1.0`))).toMatch(/^HTTP\/1\.1 403 /);
    const tunnel = [`CONNECT ${allowedName}:80 HTTP/1.0`, "", "GET / HTTP/1.0", `Host: ${allowedName}`];
    expect(await onNode(ask(3128, ...tunnel))).toContain(page.trim());
    expect(ways.internet.asked.filter((asked) => asked.startsWith(otherName))).toEqual([]);
    const journal = () => onBastion("journalctl -q -o cat -u squid.service");
    const { address } = lab.node;
    await expect
      .poll(journal)
      .toMatch(new RegExp(`^${address} TCP_TUNNEL/200 CONNECT ${allowedName}:80 `, "m"));
    expect(await journal()).toMatch(new RegExp(`^${address} TCP_DENIED/403 GET http://${otherName}/ `, "m"));
  });

  test("a stranger on the nodes' network gets neither packages nor a way out", async () => {
    const stranger = ways.node.vantages.outsider;
    const from = async (place: RunAt, port: number, request: string) =>
      (await place(ask(port, request), 30)).stdout;
    expect(await from(stranger, 3142, `GET http://${packageAt} HTTP/1.0`)).toBe("");
    expect(await from(stranger, 3128, `GET http://${allowedName}/ HTTP/1.0`)).toBe("");
  });

  test("without the internet a node still gets what another one asked for", async () => {
    await ways.internet.close();
    expect(await onNode(fetchPackage)).toMatch(new RegExp(`^${packageName}$`, "m"));
  });

  test("what was asked for is kept, until nobody asked for it in 30 days", async () => {
    const clean = "systemctl start imagectl-package-cache-clean.service";
    const kept = "find /var/cache/apt-cacher-ng -name '*.deb*' | sort";
    const cached = `/var/cache/apt-cacher-ng/archive/${packageAt.split("/debian/")[1]}`;
    await onBastion(`touch -d '-29 days' ${cached}.head && ${clean}`);
    expect(await onBastion(kept)).toBe(`${cached}\n${cached}.head`);
    await onBastion(`touch -d '-40 days' ${cached}.head`);
    await onNode(fetchPackage);
    await onBastion(clean);
    expect(await onBastion(kept)).toBe(`${cached}\n${cached}.head`);
    await onBastion(`touch -d '-40 days' ${cached}.head && ${clean}`);
    expect(await onBastion(kept)).toBe("");
  });

  test("beyond its room, the cache gives up what was asked for longest ago", async () => {
    const folder = "/var/cache/apt-cacher-ng/archive/pool";
    const make = (name: string): string =>
      `head -c 3M /dev/zero >${name}.deb; echo >${name}.deb.head; chown apt-cacher-ng: ${name}.deb*`;
    await onBastion(`mkdir -p ${folder}; cd ${folder}; ${make("old")}; sleep 2; ${make("new")}`);
    await onBastion(
      `sed 's/shrink [0-9]*G/shrink 4M/' /usr/lib/imagectl/package-cache-clean >/run/clean
      chown apt-cacher-ng: ${folder}; runuser -u apt-cacher-ng sh /run/clean`,
    );
    expect(await onBastion(`cd ${folder} && ls *.deb*`)).toBe("new.deb\nnew.deb.head");
  });

  test("where the admin decided on no way out, nobody is told of one", async () => {
    const without = await ways.change({ params: "{}" }, { node: ["/etc/environment"], bastion: [] });
    for (const command of ["env", "bash -lc env", "sudo -n env"]) {
      const { stdout } = await ways.ssh("carol", command);
      expect(stdout).toContain("HOME=");
      expect(stdout, command).not.toMatch(/_proxy=/i);
    }
    await proveRoles(without.node, ["egress"]);
  });

  test("where no names are listed, everything is let through but private networks", async () => {
    const files = { node: [], bastion: ["/etc/squid/squid.conf"] };
    const open = await ways.change({ bastionParams: "egress-proxy: {allow: []}" }, files);
    await onBastion("systemctl reload squid.service");
    // Nothing is there any more, so squid tried.
    await expect
      .poll(() => onNode(ask(3128, `GET http://${otherName}/ HTTP/1.0`)))
      .toMatch(/^HTTP\/1\.1 503 /);
    await proveRoles(open.bastion, ["egress-proxy"], /did not allow/);
  });
});
