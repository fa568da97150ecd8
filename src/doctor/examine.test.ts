/** What the doctor says of which facts: one healthy bastion, and each thing that can be wrong with it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Ipv4Address, MacAddress } from "../address.ts";
import { packageRoot } from "../paths.ts";
import type { NodePlan } from "../plan/plan.ts";
import { needsOf } from "./collect-cluster.ts";
import { examine, formatAnswers } from "./examine.ts";
import type { Facts, HostFacts, NetworkFacts } from "./facts.ts";
import { programs } from "./programs.ts";
import type { Socket } from "./sockets.ts";

const now = new Date("2026-11-24T12:00:00Z");
const address = Ipv4Address.parse("10.77.0.1");

const host: HostFacts = {
  isRoot: true,
  missingPrograms: [],
  missingIpxeFiles: [],
  space: [{ what: "images", path: "/var/lib", freeBytes: 9e9, neededBytes: 2e9, hint: "make room" }],
  clock: { now, earliest: [], isSynchronised: true },
  privacy: [{ path: "/keys/agent", mode: 0o600, mostBits: 0o600, isForeign: false }],
  mirrors: [{ url: "http://mirror/InRelease", failure: undefined, missingKeyring: undefined }],
  kvm: { kind: "no-device" },
};
const eth1 = {
  name: "eth1",
  mac: "52:54:00:00:00:01",
  isUp: true,
  hasCarrier: true,
  addresses: [{ address, prefixLength: 24 }],
};
const network: NetworkFacts = {
  wanted: { name: "eth1", address, prefixLength: 24 },
  interfaces: [eth1],
  sockets: [],
  owners: [],
  foreignDhcp: { kind: "asked", servers: [] },
  needs: [],
  nameServers: [{ address: "10.77.0.2", failure: undefined }],
};
const healthy: Facts = {
  host,
  network,
  cluster: {
    file: "cluster.yaml",
    errors: [],
    nodes: 3,
    server: undefined,
    images: [{ os: "debian-12", groups: ["gpu"], image: { id: "a".repeat(64), createdAt: now } }],
    missingSecrets: [],
  },
};
const withHost = (part: Partial<HostFacts>): Facts => ({ ...healthy, host: { ...host, ...part } });
const withNetwork = (part: Partial<NetworkFacts>): Facts => ({
  ...healthy,
  network: { ...network, ...part },
});
const withCluster = (part: Partial<Facts["cluster"]>): Facts => ({
  ...healthy,
  cluster: { ...healthy.cluster, ...part },
});

const problemsOf = (facts: Facts) => examine(facts).filter(({ severity }) => severity !== "fine");
const dnsmasq: Socket = {
  protocol: "udp",
  port: 67,
  address: "0.0.0.0",
  device: undefined,
  process: { name: "dnsmasq", pid: 123 },
};

test("a healthy bastion has an answer for each thing, and no finding", () => {
  expect(problemsOf(healthy)).toEqual([]);
  expect(examine(healthy).length).toBeGreaterThan(12);
  expect(formatAnswers(examine(healthy))).toMatch(/\n0 problems, 0 warnings, \d+ fine\n$/);
});

test("without a readable cluster file the machine is still looked at", () => {
  const answers = examine({ ...healthy, network: undefined });
  expect(answers.map(({ where }) => where)).toContain("programs");
});

describe("each finding says what to do", () => {
  test.each<[string, Facts, string, string, string]>([
    ["not root", withHost({ isRoot: false }), "ROOT_REQUIRED", "error", "sudo imagectl doctor"],
    ["no nmap", withHost({ missingPrograms: ["nmap"] }), "TOOL_MISSING", "error", "apt-get install nmap"],
    [
      "no QEMU",
      withHost({ missingPrograms: ["qemu-system-x86_64"] }),
      "TOOL_MISSING",
      "warning",
      "apt-get install qemu-system-x86",
    ],
    ["no iPXE", withHost({ missingIpxeFiles: ["snponly.efi"] }), "IPXE_MISSING", "error", "install ipxe"],
    [
      "a full disk",
      withHost({ space: [{ what: "images", path: "/v", freeBytes: 1, neededBytes: 2, hint: "make room" }] }),
      "DISK_SPACE_LOW",
      "error",
      "make room",
    ],
    [
      "a clock before the newest image",
      withHost({
        clock: { now, earliest: [{ what: "the image", at: new Date("2027-01-01") }], isSynchronised: true },
      }),
      "CLOCK_WRONG",
      "error",
      "timedatectl set-ntp true",
    ],
    [
      "a clock on its own",
      withHost({ clock: { now, earliest: [], isSynchronised: false } }),
      "CLOCK_WRONG",
      "warning",
      "chrony",
    ],
    [
      "a clock that nobody knows of",
      withHost({ clock: { now, earliest: [], isSynchronised: undefined } }),
      "CLOCK_WRONG",
      "warning",
      "chrony",
    ],
    [
      "a key for all to read",
      withHost({ privacy: [{ path: "/keys/agent", mode: 0o644, mostBits: 0o600, isForeign: false }] }),
      "KEYS_EXPOSED",
      "error",
      "chmod 600 /keys/agent",
    ],
    [
      "somebody else's key",
      withHost({ privacy: [{ path: "/keys/agent", mode: 0o600, mostBits: 0o600, isForeign: true }] }),
      "KEYS_EXPOSED",
      "error",
      "chown root: /keys/agent",
    ],
    [
      "a mirror without a name",
      withHost({ mirrors: [{ url: "u", failure: "Could not resolve 'u'", missingKeyring: undefined }] }),
      "MIRROR_UNREACHABLE",
      "error",
      "/etc/resolv.conf",
    ],
    [
      "a mirror that is silent",
      withHost({ mirrors: [{ url: "u", failure: "Connection timed out", missingKeyring: undefined }] }),
      "MIRROR_UNREACHABLE",
      "error",
      "/etc/apt/sources.list.d",
    ],
    [
      "no keyring",
      withHost({ mirrors: [{ url: "u", failure: undefined, missingKeyring: "/k.gpg" }] }),
      "MIRROR_UNREACHABLE",
      "error",
      "debian-archive-keyring",
    ],
    [
      "a KVM that hangs",
      withHost({ kvm: { kind: "fails", reason: "a guest's kernel hung under it" } }),
      "KVM_UNUSABLE",
      "warning",
      "IMAGECTL_ACCEL=tcg",
    ],
    ["no kernel to try", withHost({ kvm: { kind: "no-kernel" } }), "KVM_UNUSABLE", "warning", "build"],
    ["no interface", withNetwork({ interfaces: [] }), "INTERFACE_UNUSABLE", "error", "bastion.interface"],
    [
      "an interface that is down",
      withNetwork({ interfaces: [{ ...eth1, isUp: false }] }),
      "INTERFACE_UNUSABLE",
      "error",
      "ip link set eth1 up",
    ],
    [
      "no address",
      withNetwork({ interfaces: [{ ...eth1, addresses: [] }] }),
      "INTERFACE_UNUSABLE",
      "error",
      "ip address add 10.77.0.1/24 dev eth1",
    ],
    [
      "the address elsewhere",
      withNetwork({
        interfaces: [
          { ...eth1, addresses: [] },
          { ...eth1, name: "eth2" },
        ],
      }),
      "INTERFACE_UNUSABLE",
      "error",
      "bastion.interface to eth2",
    ],
    [
      "another prefix",
      withNetwork({ interfaces: [{ ...eth1, addresses: [{ address, prefixLength: 16 }] }] }),
      "INTERFACE_UNUSABLE",
      "error",
      "10.77.0.1/24",
    ],
    [
      "no link",
      withNetwork({ interfaces: [{ ...eth1, hasCarrier: false }] }),
      "INTERFACE_UNUSABLE",
      "error",
      "cable",
    ],
    [
      "another DHCP server",
      withNetwork({
        foreignDhcp: {
          kind: "asked",
          servers: [{ address, mac: MacAddress.parse("52:54:00:00:00:09"), isProxy: true }],
        },
      }),
      "FOREIGN_DHCP_SERVER",
      "error",
      "ip neigh show",
    ],
    [
      "a question that could not be asked",
      withNetwork({ foreignDhcp: { kind: "not-asked", reason: "eth1 is down", hint: "mend it" } }),
      "DHCP_PROBE_FAILED",
      "error",
      "mend it",
    ],
    [
      "a program with the port of the page of GPUs",
      withNetwork({ sockets: [{ ...dnsmasq, protocol: "tcp", port: 8082, address: "127.0.0.1" }] }),
      "PORT_IN_USE",
      "warning",
      "kill 123",
    ],
    ["dnsmasq", withNetwork({ sockets: [dnsmasq] }), "PORT_IN_USE", "error", "kill 123"],
    [
      "dnsmasq as a service",
      withNetwork({
        sockets: [dnsmasq],
        owners: [{ pid: 123, parentPid: 1, unit: "dnsmasq.service" }],
      }),
      "PORT_IN_USE",
      "error",
      "systemctl disable --now dnsmasq.service",
    ],
    [
      "another user's program",
      withNetwork({ sockets: [{ ...dnsmasq, process: undefined }] }),
      "PORT_IN_USE",
      "error",
      "ss -lnp --udp",
    ],
    [
      "no time for the nodes",
      withNetwork({ needs: [{ protocol: "udp", port: 123, comment: "time", role: "time" }] }),
      "SERVICE_MISSING",
      "error",
      "bastion.group",
    ],
    [
      "no time for the nodes, where the role knows how it is served",
      withNetwork({
        needs: [{ protocol: "udp", port: 123, comment: "time", role: "time", mend: "install chrony" }],
      }),
      "SERVICE_MISSING",
      "error",
      "install chrony",
    ],
    [
      "a secret that was not made",
      withCluster({
        missingSecrets: [
          { code: "SECRET_MISSING", where: "node1", message: "no hash", hint: "make it", severity: "error" },
        ],
      }),
      "SECRET_MISSING",
      "warning",
      "make it",
    ],
    [
      "a silent name server",
      withNetwork({ nameServers: [{ address: "10.77.0.2", failure: "ETIMEOUT" }] }),
      "NAME_SERVER_SILENT",
      "error",
      "network.dns",
    ],
    [
      "a bad cluster file",
      withCluster({
        errors: [{ code: "DUPLICATE", where: "c:1:2", message: "twice", hint: "once", severity: "error" }],
      }),
      "CLUSTER_INVALID",
      "error",
      "once",
    ],
    [
      "no image",
      withCluster({ images: [{ os: "debian-12", groups: ["gpu"], image: undefined }] }),
      "IMAGE_UNKNOWN",
      "warning",
      "sudo imagectl build --os debian-12",
    ],
    [
      "an old image",
      withCluster({
        images: [{ os: "debian-12", groups: ["gpu"], image: { id: "b", createdAt: new Date("2026-10-01") } }],
      }),
      "IMAGE_STALE",
      "warning",
      "--update",
    ],
  ])("%s", (_name, facts, code, severity, hint) => {
    const found = problemsOf(facts);
    expect(found).toMatchObject([{ code, severity, hint: expect.stringContaining(hint) }]);
    expect(formatAnswers(found)).toContain("hint: ");
  });
});

describe("what is no problem", () => {
  const server = { pid: 50, clusterFile: "cluster.yaml", interface: "eth1" };
  const worker: Socket = { ...dnsmasq, protocol: "tcp", port: 8081, process: { name: "node", pid: 51 } };
  test("ports of our own server and of its workers", () => {
    const own = { ...dnsmasq, process: { name: "node", pid: 50 } };
    const owners = [{ pid: 51, parentPid: 50, unit: undefined }];
    const facts = {
      ...withNetwork({ sockets: [own, worker], owners }),
      cluster: { ...healthy.cluster, server },
    };
    expect(problemsOf(facts)).toEqual([]);
  });
  test("a program with the port of the page of GPUs, at the nodes' address", () => {
    const other = { ...worker, port: 8082, address: "10.77.0.1" };
    expect(problemsOf(withNetwork({ sockets: [other] }))).toEqual([]);
  });
  test("a DHCP server that hears another interface alone", () => {
    expect(problemsOf(withNetwork({ sockets: [{ ...dnsmasq, device: "virbr0" }] }))).toEqual([]);
  });
  test("a service of the bastion that listens for nodes", () => {
    const ntp: Socket = { ...dnsmasq, port: 123, process: { name: "chronyd", pid: 9 } };
    const needs = [{ protocol: "udp", port: 123, comment: "time", role: "time" } as const];
    expect(problemsOf(withNetwork({ sockets: [ntp], needs }))).toEqual([]);
  });
});

test("several errors of the cluster file are counted, and validate lists them", () => {
  const error = {
    code: "DUPLICATE",
    where: "c:1:2",
    message: "twice",
    hint: "once",
    severity: "error",
  } as const;
  expect(problemsOf(withCluster({ errors: [error, error, error] }))).toMatchObject([
    { message: "c:1:2: twice, and 2 more", hint: "imagectl validate cluster.yaml" },
  ]);
});

test("bin/setup installs the package of every program", () => {
  const setup = readFileSync(join(packageRoot, "bin/setup"), "utf8");
  // Of priority required, or apt's own: there before anything is installed.
  const always = ["apt", "dpkg", "perl-base", "tar"];
  const missing = programs.filter(
    (program) => !always.includes(program.package) && !new RegExp(`[ \n]${program.package}[ \n]`).test(setup),
  );
  expect(missing).toEqual([]);
});

test("what a role says to do where nothing answers names the nodes' network", () => {
  const rule = {
    direction: "out",
    protocol: "udp",
    port: 123,
    peer: "bastion",
    comment: "time",
    role: "time",
  };
  const plan = {
    node: {
      firewall: [
        { ...rule, mend: "allow SUBNET" },
        { ...rule, peer: "anyone", port: 1 },
      ],
    },
  };
  const subnet = { network: address, prefixLength: 24 };
  expect(needsOf([plan, plan] as unknown as NodePlan[], subnet)).toEqual([
    { protocol: "udp", port: 123, comment: "time", role: "time", mend: "allow 10.77.0.1/24" },
  ]);
});
