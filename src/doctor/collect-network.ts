/** Looks at the bastion's network: interfaces, sockets and whose they are, other DHCP servers, name servers. */
import { Resolver } from "node:dns/promises";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ClusterConfig } from "../cluster/config.ts";
import { type InterfaceFact, readInterfaces } from "../interfaces.ts";
import { packageRoot } from "../paths.ts";
import { run } from "../run.ts";
import type { ForeignDhcp, NetworkFacts, NodeNeed } from "./facts.ts";
import { type ProcessOwner, parseParentPid, parseSockets, parseUnit, type Socket } from "./sockets.ts";

/** A name server of the local network answers in a millisecond. Milliseconds. Our choice. */
const dnsTimeoutMs = 2_000;

/** The probe itself takes four seconds. Milliseconds. */
const probeTimeoutMs = 20_000;

export type NetworkQuestion = {
  readonly cluster: ClusterConfig;
  /** Instead of the cluster file's `bastion.interface`. */
  readonly interface: string | undefined;
  readonly needs: readonly NodeNeed[];
  readonly isRoot: boolean;
};

export async function collectNetwork(question: NetworkQuestion): Promise<NetworkFacts> {
  const { cluster, isRoot, needs } = question;
  const { address } = cluster.bastion;
  const name = question.interface ?? cluster.bastion.interface;
  const wanted = { name, address, prefixLength: cluster.subnet.prefixLength };
  const [interfaces, tcp, udp] = await Promise.all([
    readInterfaces(),
    readSockets("tcp"),
    readSockets("udp"),
  ]);
  const sockets = [...tcp, ...udp];
  const [foreignDhcp, owners, nameServers] = await Promise.all([
    askForeignDhcp(
      interfaces.find((each) => each.name === name),
      wanted,
      isRoot,
    ),
    readOwners(sockets),
    Promise.all(cluster.dns.map(askNameServer)),
  ]);
  return { wanted, interfaces, sockets, owners, foreignDhcp, needs, nameServers };
}

async function readSockets(protocol: Socket["protocol"]): Promise<Socket[]> {
  const { stdout } = await run("ss", ["-H", "-l", "-n", "-p", `--${protocol}`]);
  return parseSockets(protocol, stdout);
}

async function readOwners(sockets: readonly Socket[]): Promise<ProcessOwner[]> {
  const pids = new Set(sockets.flatMap(({ process }) => process?.pid ?? []));
  const read = (pid: number, name: string) => readFile(`/proc/${pid}/${name}`, "utf8").catch(() => "");
  return Promise.all(
    [...pids].map(async (pid) => ({
      pid,
      parentPid: parseParentPid(await read(pid, "stat")),
      unit: parseUnit(await read(pid, "cgroup")),
    })),
  );
}

/** In a process of its own: Node cannot bind a socket to an interface, and the socket must be handed over. */
async function askForeignDhcp(
  own: InterfaceFact | undefined,
  { name, address }: NetworkFacts["wanted"],
  isRoot: boolean,
): Promise<ForeignDhcp> {
  if (!isRoot) return { kind: "not-asked", reason: "it takes root", hint: "sudo imagectl doctor" };
  if (own?.isUp !== true) {
    const reason = `${name} is not up`;
    return { kind: "not-asked", reason, hint: "First mend what is said of the interface" };
  }
  const probe = [process.execPath, join(import.meta.dirname, "probe-process.ts"), own.mac, address];
  const opener = [join(packageRoot, "bin/open-dhcp-sockets"), "--client-only", name, "--"];
  const { exitCode, stdout, stderr } = await run("perl", [...opener, ...probe], {
    timeoutMs: probeTimeoutMs,
    // sysexits(3), as the opener uses them.
    okExitCodes: [0, 64, 69, 71, 77],
  });
  if (exitCode === 0) return JSON.parse(stdout) as ForeignDhcp;
  const [reason = "", hint = ""] = stderr.split("\n").map((line) => line.replace(/^\S+: |^ +hint: /, ""));
  return { kind: "not-asked", reason, hint };
}

async function askNameServer(address: string): Promise<NetworkFacts["nameServers"][number]> {
  const resolver = new Resolver({ timeout: dnsTimeoutMs, tries: 2 });
  resolver.setServers([address]);
  try {
    await resolver.resolveNs(".");
  } catch (error) {
    const { code = String(error) } = error as NodeJS.ErrnoException;
    // A server that says no is there; only silence is a failure.
    if (["ECONNREFUSED", "ETIMEOUT", "ENETUNREACH", "EHOSTUNREACH"].includes(code)) {
      return { address, failure: code };
    }
  }
  return { address, failure: undefined };
}
