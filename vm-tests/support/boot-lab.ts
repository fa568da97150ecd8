/** A lab whose bastion runs only the boot side (boot-server.ts), for the peers of DHCP, TFTP and artefacts. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type LabNetwork, openLabNetwork } from "../../src/lab/network.ts";
import { type Namespace, openNamespace } from "../../src/namespace.ts";
import { packageRoot } from "../../src/paths.ts";
import { ipxeDirectory } from "../../src/pxe/boot/chainload.ts";
import { type RunResult, run, type StartedProcess, start } from "../../src/run.ts";

export const bastion = { address: "10.77.0.1", mac: "52:54:00:77:00:01", interface: "eth0" } as const;
export const node1 = { hostname: "node1", mac: "52:54:00:77:00:11", address: "10.77.0.11" } as const;
export const visitorMac = "52:54:00:77:00:99";

export type BootServerEvent = { readonly from: string; readonly kind: string } & Readonly<
  Record<string, unknown>
>;

export type BootServer = {
  readonly process: StartedProcess;
  readonly events: readonly BootServerEvent[];
  /** Waits for an event that has already come or still comes. */
  waitFor(what: string, isIt: (event: BootServerEvent) => boolean): Promise<BootServerEvent>;
  stop(): Promise<void>;
};

export type BootLab = {
  readonly network: LabNetwork;
  /** Starts the server on the bastion; the caller waits for `ready` or `failed`. */
  startServer(settings?: {
    readonly isArmed?: boolean;
    readonly pool?: { first: string; last: string };
  }): BootServer;
  /** A machine on the switch, without an address. */
  plugMachine(mac: string): Promise<Namespace>;
  close(): Promise<void>;
};

const waitMs = 30_000;

/** @param directory scratch; blobs are read from `blobs` inside it. */
export async function openBootLab(directory: string): Promise<BootLab> {
  const blobDirectory = join(directory, "blobs");
  await mkdir(blobDirectory, { recursive: true });
  const network = await openLabNetwork({
    bastion: bastion.address,
    outsider: undefined,
    prefixLength: 24,
    bastionInterface: bastion.interface,
  });
  const machines: Namespace[] = [];
  const servers: BootServer[] = [];
  return {
    network,
    startServer: ({ isArmed = false, pool } = {}) => {
      const settings = {
        address: bastion.address,
        subnet: "10.77.0.0/24",
        interfaceMac: bastion.mac,
        leaseSeconds: 600,
        ...(pool === undefined ? {} : { pool }),
        nodes: [{ ...node1, isArmed }],
        blobDirectory,
        ipxeDirectory,
      };
      const server = startBootServer(network.bastion, JSON.stringify(settings));
      servers.push(server);
      return server;
    },
    plugMachine: async (mac) => {
      const machine = await openNamespace("machine");
      machines.push(machine);
      await network.plug(machine, "eth0", mac);
      await machine.ip("link", "set", "dev", "eth0", "up");
      return machine;
    },
    close: async () => {
      await Promise.all(servers.map((server) => server.stop()));
      await Promise.all(machines.map((machine) => machine.close()));
      await network.close();
    },
  };
}

function startBootServer(bastionNamespace: Namespace, settings: string): BootServer {
  const events: BootServerEvent[] = [];
  const words = [
    ...bastionNamespace.enter,
    join(packageRoot, "bin/open-dhcp-sockets"),
    bastion.interface,
    "--",
    process.execPath,
    join(packageRoot, "vm-tests/support/boot-server.ts"),
    settings,
  ];
  const started = start(words[0] as string, words.slice(1), {
    onLine: (line) => events.push(parseEvent(line)),
  });
  return {
    process: started,
    events,
    waitFor: async (what, isIt) => {
      const deadline = performance.now() + waitMs;
      for (;;) {
        const found = events.find(isIt);
        if (found !== undefined) return found;
        if (performance.now() > deadline) {
          throw new Error(
            `${what} did not come; this did:\n${events.map((event) => JSON.stringify(event)).join("\n")}`,
          );
        }
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    stop: async () => {
      started.stop();
      await started.exited;
    },
  };
}

function parseEvent(line: string): BootServerEvent {
  try {
    return JSON.parse(line) as BootServerEvent;
  } catch {
    return { from: "stderr", kind: "line", line };
  }
}

/** Runs POSIX sh on a machine; its exit code is an answer. */
export async function sh(machine: Namespace, script: string, timeoutMs = 60_000): Promise<RunResult> {
  const words = [...machine.enter, "sh", "-c", script];
  const everyExitCode = Array.from({ length: 256 }, (_, code) => code);
  return run(words[0] as string, words.slice(1), { okExitCodes: everyExitCode, timeoutMs });
}
