/** Real DHCP clients and servers on one switch with ours. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Namespace } from "../../src/namespace.ts";
import { type StartedProcess, start } from "../../src/run.ts";
import {
  type BootLab,
  type BootServer,
  bastion,
  node1,
  openBootLab,
  sh,
  visitorMac,
} from "../support/boot-lab.ts";

let directory: string;
let lab: BootLab;
let node: Namespace;
let visitor: Namespace;
let server: BootServer | undefined;
const others: StartedProcess[] = [];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "dhcp-peers-"));
  lab = await openBootLab(directory);
  node = await lab.plugMachine(node1.mac);
  visitor = await lab.plugMachine(visitorMac);
});
afterEach(async () => {
  await server?.stop();
  server = undefined;
  for (const other of others.splice(0)) {
    other.stop("SIGKILL");
    await other.exited;
  }
});
afterAll(async () => {
  await lab.close();
  rmSync(directory, { recursive: true });
});

async function serve(settings: Parameters<BootLab["startServer"]>[0] = {}): Promise<BootServer> {
  server = lab.startServer(settings);
  await server.waitFor("the server", (event) => event.from === "server" && event.kind === "ready");
  return server;
}

/** udhcpc prints what it got: `bound ip=… subnet=… …`. */
const udhcpc = (machine: Namespace, words = ""): ReturnType<typeof sh> =>
  sh(machine, `udhcpc -i eth0 -f -q -n -t 3 -T 1 -s ${join(directory, "print.sh")} ${words}`);

/** dhclient in the foreground until it is bound; its own words go to stderr. */
const dhclient = (machine: Namespace, name: string, words = ""): ReturnType<typeof sh> =>
  sh(
    machine,
    `timeout 20 dhclient -1 -d -v -sf ${join(directory, "stop.sh")} -lf ${join(directory, `${name}.leases`)} -pf ${join(directory, "dhclient.pid")} -cf ${join(directory, `${name}.conf`)} ${words} eth0`,
  );

beforeAll(() => {
  writeFileSync(
    join(directory, "print.sh"),
    '#!/bin/sh\n[ -n "$ip" ] && ip address replace "$ip/24" dev eth0 || ip -4 address flush dev eth0\necho "$1 ip=$ip mask=$subnet router=$router dns=$dns domain=$domain lease=$lease serverid=$serverid siaddr=$siaddr file=$boot_file tftp=$tftp"\n',
    { mode: 0o755 },
  );
  // Ends dhclient when it has an address, and has written down that it does.
  writeFileSync(
    join(directory, "stop.sh"),
    `#!/bin/sh\necho "$reason $new_ip_address $new_domain_name_servers"\n[ "$reason" != BOUND ] && [ "$reason" != REBOOT ] || (sleep 0.5; kill $(cat ${join(directory, "dhclient.pid")})) &\n`,
    { mode: 0o755 },
  );
});

describe("a node", () => {
  test("gets its address and network by udhcpc, and nothing to boot", async () => {
    await serve({ isArmed: true });
    const { stdout, exitCode } = await udhcpc(node);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(
      `bound ip=${node1.address} mask=255.255.255.0 router= dns=${bastion.address} domain=lab.test lease=600 serverid=${bastion.address} siaddr= file= tftp=`,
    );
  });

  test("gets the same address whatever client-id it sends", async () => {
    await serve();
    for (const id of ["01525400770011", "ff1122334455", "00"]) {
      expect((await udhcpc(node, `-x 0x3d:${id}`)).stdout).toContain(`bound ip=${node1.address} `);
    }
  });

  test("is sent to iPXE when its firmware is UEFI and it is armed", async () => {
    await serve({ isArmed: true });
    const { stdout } = await udhcpc(
      node,
      "-V PXEClient:Arch:00007:UNDI:003016 -x 0x5d:0007 -O bootfile -O tftp",
    );
    expect(stdout).toContain(`siaddr=${bastion.address} file=snponly.efi tftp=${bastion.address}`);
  });

  test("gets its address by dhclient, and keeps it over a restart of client and server", async () => {
    writeFileSync(join(directory, "node.conf"), 'send dhcp-client-identifier "os";\n');
    await serve();
    const first = await dhclient(node, "node");
    expect(first.stdout).toContain(`BOUND ${node1.address} ${bastion.address}`);
    await server?.stop();
    await serve();
    const second = await dhclient(node, "node");
    expect(second.stderr).toContain(`DHCPREQUEST for ${node1.address}`);
    expect(second.stderr).not.toContain("DHCPDISCOVER");
    expect(second.stdout).toContain(`REBOOT ${node1.address}`);
  });

  test("that comes from another network is told so at once, and gets its address", async () => {
    writeFileSync(join(directory, "moved.conf"), "");
    writeFileSync(
      join(directory, "moved.leases"),
      'lease {\n  interface "eth0";\n  fixed-address 192.168.5.5;\n  option subnet-mask 255.255.255.0;\n  option dhcp-server-identifier 192.168.5.1;\n  renew 2 2037/01/01 00:00:00;\n  rebind 2 2037/01/01 00:00:00;\n  expire 2 2037/01/01 00:00:00;\n}\n',
    );
    await serve();
    const { stderr, stdout } = await dhclient(node, "moved");
    expect(stderr).toContain(`DHCPNAK from ${bastion.address}`);
    expect(stdout).toContain(`BOUND ${node1.address}`);
  });
});

describe("an unknown machine", () => {
  test("gets no answer where there is no pool", async () => {
    const { waitFor } = await serve();
    expect((await udhcpc(visitor)).exitCode).not.toBe(0);
    await waitFor("the reason", (event) => event.mac === visitorMac && event.reason === "no-pool");
  });

  test("leases from the pool, and gives the address back", async () => {
    const { waitFor } = await serve({ pool: { first: "10.77.0.200", last: "10.77.0.200" } });
    expect((await udhcpc(visitor)).stdout).toContain("bound ip=10.77.0.200 ");
    // SIGUSR2 makes a running udhcpc release its lease.
    const stay = `udhcpc -i eth0 -f -n -s ${join(directory, "print.sh")} & pid=$!; sleep 1; kill -USR2 $pid; sleep 1; kill $pid; wait`;
    expect((await sh(visitor, stay)).stdout).toContain("bound ip=10.77.0.200 ");
    await waitFor("the release", (event) => event.reason === "address-released");
  });

  test("that wants to boot from the network gets no answer even where there is a pool", async () => {
    await serve({ pool: { first: "10.77.0.200", last: "10.77.0.210" } });
    const { exitCode } = await udhcpc(visitor, "-V PXEClient:Arch:00000:UNDI:002001 -x 0x5d:0000");
    expect(exitCode).not.toBe(0);
  });
});

describe("beside another server", () => {
  /** dnsmasq on the switch, in the visitor's place. */
  async function startDnsmasq(...words: string[]): Promise<void> {
    await visitor.ip("address", "replace", "10.77.0.99/24", "dev", "eth0");
    const lines: string[] = [];
    const common = [
      "--no-daemon",
      "--port=0",
      "--conf-file=/dev/null",
      "--log-dhcp",
      `--dhcp-leasefile=${join(directory, "dnsmasq.leases")}`,
    ];
    const dnsmasq = start(visitor.enter[0], [...visitor.enter.slice(1), "dnsmasq", ...common, ...words], {
      onLine: (line) => lines.push(line),
    });
    others.push(dnsmasq);
    while (!lines.some((line) => line.includes("DHCP")))
      await new Promise((resolve) => setTimeout(resolve, 20));
  }

  async function refusal(): Promise<unknown> {
    server = lab.startServer();
    return server.waitFor("the refusal", (event) => event.from === "server" && event.kind !== "line");
  }

  test("ours refuses to start and names it by address and MAC", async () => {
    await startDnsmasq("--dhcp-range=10.77.0.100,10.77.0.110,1h");
    expect(await refusal()).toMatchObject({
      kind: "failed",
      code: "FOREIGN_DHCP_SERVER",
      message: expect.stringContaining(`10.77.0.99 (${visitorMac})`),
    });
  });

  test("also beside one that gives boot files only", async () => {
    await startDnsmasq("--dhcp-range=10.77.0.0,proxy", "--pxe-service=X86-64_EFI,boot,boot");
    expect(await refusal()).toMatchObject({
      code: "FOREIGN_DHCP_SERVER",
      message: expect.stringContaining("a ProxyDHCP server"),
    });
  });

  test("a second one of ours cannot start on the same interface, and is told who holds the port", async () => {
    const { process: first } = await serve();
    const second = lab.startServer();
    const line = await second.waitFor("the refusal", (event) => String(event.line).includes("in use"));
    expect(line.line).toContain("UDP port 67 of eth0 is in use (held by");
    expect(line.line).toContain(`pid ${first.pid})`);
    expect((await second.process.exited).exitCode).toBe(69);
  });
});

describe("bin/open-dhcp-sockets", () => {
  const open = (words: string) =>
    sh(lab.network.bastion, `${join(import.meta.dirname, "../../bin/open-dhcp-sockets")} ${words}`);

  test.each([
    ["an interface that there is not", "eth9 -- true", 69, "there is no interface eth9 (there are: eth0 lo)"],
    ["no command", "eth0 --", 64, "open-dhcp-sockets [--client-only] INTERFACE -- COMMAND"],
    ["a command that there is not", "eth0 -- no-such-command", 71, "cannot start no-such-command"],
  ])("says what is wrong with %s", async (_name, words, status, message) => {
    const { exitCode, stderr } = await open(words);
    expect(exitCode).toBe(status);
    expect(stderr).toContain(message);
    expect(stderr).toMatch(/\n {4}hint: .+\n/);
  });

  test("names another imagectl serve as such: its program is called node", async () => {
    const program = join(import.meta.dirname, "../../bin/open-dhcp-sockets");
    const [enter, ...words] = lab.network.bastion.enter;
    const holder = ["perl", "-e", '$| = 1; print "up\\n"; sleep 60', "/src/cli/main.ts", "serve"];
    await new Promise<void>((resolve) => {
      others.push(start(enter, [...words, program, "eth0", "--", ...holder], { onLine: () => resolve() }));
    });
    expect((await open("eth0 -- true")).stderr).toMatch(/ \(held by another imagectl serve, pid \d+\)\n/);
  });

  test("says that it needs root", async () => {
    const program = join(directory, "open-dhcp-sockets");
    const { exitCode, stderr } = await sh(
      lab.network.bastion,
      `chmod 755 ${directory}; cp ${join(import.meta.dirname, "../../bin/open-dhcp-sockets")} ${program}; setpriv --reuid 65534 --regid 65534 --clear-groups ${program} eth0 -- true`,
    );
    expect(exitCode).toBe(77);
    expect(stderr).toContain("hint: Run it as root");
  });

  test("gives port 68 alone to who only asks, beside a server that holds port 67", async () => {
    await serve();
    const { stdout } = await open("--client-only eth0 -- ss -Hlunp");
    expect(stdout).toMatch(/0\.0\.0\.0%eth0:68 .*"ss",pid=\d+,fd=4/);
    expect(stdout).not.toMatch(/"ss",pid=\d+,fd=3/);
  });

  test("gives the command ports 67 and 68 of the interface as descriptors 3 and 4", async () => {
    const { stdout } = await open("eth0 -- ss -Hlunp");
    expect(stdout).toMatch(/0\.0\.0\.0%eth0:67 .*"ss",pid=\d+,fd=3/);
    expect(stdout).toMatch(/0\.0\.0\.0%eth0:68 .*"ss",pid=\d+,fd=4/);
  });
});

test("a machine that asks for an IPv6 router is told that there is none, and nothing else", async () => {
  const program = join(import.meta.dirname, "../../bin/answer-router-solicitations");
  others.push(
    start(lab.network.bastion.enter[0], [...lab.network.bastion.enter.slice(1), program, bastion.interface], {
      onLine: () => {},
    }),
  );
  // Sends a router solicitation from its link-local address and prints what comes back, as iPXE does.
  writeFileSync(
    join(directory, "solicit.pl"),
    `use strict; use Socket qw(AF_INET6 SOCK_RAW SOL_SOCKET inet_pton inet_ntop pack_sockaddr_in6 unpack_sockaddr_in6);
open(my $file, '<', '/sys/class/net/eth0/ifindex'); my $index = <$file> + 0;
socket(my $socket, AF_INET6, SOCK_RAW, 58) or die $!;
setsockopt($socket, SOL_SOCKET, 25, "eth0\\0") or die $!;
setsockopt($socket, 41, 18, pack('i', 255)) or die $!;
for (1 .. 20) {
  send($socket, pack('CCnN', 133, 0, 0, 0), 0, pack_sockaddr_in6(0, inet_pton(AF_INET6, 'ff02::2'), $index));
  my $end = time + 2;
  while (time < $end) {
    my $ready = ''; vec($ready, fileno $socket, 1) = 1;
    next if select($ready, undef, undef, 0.2) <= 0;
    recv($socket, my $bytes, 1500, 0) // next;
    next if ord $bytes != 134;
    print unpack('H*', $bytes), "\\n"; exit 0;
  }
}
exit 1;
`,
  );
  const { stdout, exitCode } = await sh(node, `perl ${join(directory, "solicit.pl")}`);
  expect(exitCode).toBe(0);
  // Type 134, code 0, checksum; hop limit, flags, router lifetime and timers are all 0, and there is no option.
  expect(stdout).toMatch(/^8600[0-9a-f]{4}0{24}\n$/);
  expect((await sh(node, "ip -6 route show default; ip -6 addr show dev eth0 scope global")).stdout).toBe("");
});
