/**
 * The boot side of a bastion for tests: DHCP, TFTP, scripts and artefacts of a fixed list of nodes, no database.
 * Usage: bin/open-dhcp-sockets INTERFACE -- node boot-server.ts SETTINGS-AS-JSON. Prints one event per line, as JSON.
 */
import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import Fastify from "fastify";
import { z } from "zod";
import { Ipv4Address, Ipv4Subnet, MacAddress } from "../../src/address.ts";
import { chainloadNames, readChainloadFiles } from "../../src/pxe/boot/chainload.ts";
import type { BootTarget } from "../../src/pxe/boot/decide.ts";
import { readBootTemplates } from "../../src/pxe/boot/templates.ts";
import { createLeasePool } from "../../src/pxe/dhcp/leases.ts";
import { hardwareAddressOf } from "../../src/pxe/dhcp/neighbour.ts";
import { findForeignServers, refuseForeignServers } from "../../src/pxe/dhcp/probe.ts";
import { serveDhcp } from "../../src/pxe/dhcp/server.ts";
import { adoptDhcpSocket, inheritedDescriptors } from "../../src/pxe/dhcp/socket.ts";
import { bootRoute } from "../../src/pxe/http/boot-route.ts";
import { serveTftp } from "../../src/pxe/tftp/server.ts";
import { openTftpSocket } from "../../src/pxe/tftp/socket.ts";
import { startArtefactWorkers } from "../../src/serve/artefact-workers.ts";
import { firmwares, Manifest } from "../../src/store/manifest.ts";

const Settings = z.strictObject({
  address: Ipv4Address,
  subnet: Ipv4Subnet,
  interfaceMac: MacAddress,
  leaseSeconds: z.int(),
  pool: z.strictObject({ first: Ipv4Address, last: Ipv4Address }).optional(),
  nodes: z.array(
    z.strictObject({ hostname: z.string(), mac: MacAddress, address: Ipv4Address, isArmed: z.boolean() }),
  ),
  blobDirectory: z.string(),
  ipxeDirectory: z.string(),
  manifest: Manifest.optional(),
});

const settings = Settings.parse(JSON.parse(process.argv[2] ?? ""));
const say = (event: object): void => {
  process.stdout.write(`${JSON.stringify({ ms: Math.round(performance.now()), ...event })}\n`);
};
const url = (port: number): string => `http://${settings.address}:${port}`;
const httpPort = 8080;
const artefactPort = 8081;

const lookup = (mac: MacAddress): BootTarget => {
  const node = settings.nodes.find((candidate) => candidate.mac === mac);
  if (node === undefined) return { kind: "unknown", hasPool: settings.pool !== undefined };
  const deadline = new Date(Date.now() + 3_600_000).toISOString();
  const attempt = node.isArmed
    ? ({ id: 1, purpose: "deploy", deadline, isDeployed: false, firmwares } as const)
    : undefined;
  return { kind: "node", hostname: node.hostname, address: node.address, attempt };
};

try {
  const probeSocket = await adoptDhcpSocket(inheritedDescriptors.client);
  const foreign = await findForeignServers(probeSocket, {
    mac: settings.interfaceMac,
    ownAddress: settings.address,
    xid: randomInt(2 ** 32),
    tries: 2,
    waitMs: 2_000,
    sleep: async (milliseconds) => {
      await sleep(milliseconds);
    },
    hardwareAddress: hardwareAddressOf,
  });
  refuseForeignServers("the interface", foreign);

  const tftp = await openTftpSocket(settings.address, 69);
  serveTftp(tftp, {
    files: new Map(readChainloadFiles(settings.ipxeDirectory).map((file) => [file.name, file])),
    openTransferSocket: () => openTftpSocket(settings.address, 0),
    maxTransfers: 256,
    monotonicMs: () => performance.now(),
    log: (event) => say({ from: "tftp", ...event }),
  });

  const http = Fastify();
  await http.register(
    bootRoute({
      controlUrl: url(httpPort),
      templates: readBootTemplates(),
      chainloadFiles: readChainloadFiles(settings.ipxeDirectory),
      lookup,
      now: () => new Date(),
      prepareBoot: () => {
        const { manifest } = settings;
        const node = settings.nodes[0];
        if (manifest === undefined || node === undefined) throw new Error("no manifest or no node is set");
        return {
          manifest,
          values: {
            seedUrl: `${url(httpPort)}/seed/token`,
            artefactsUrl: `${url(artefactPort)}/artefacts`,
            address: node.address,
            prefixLength: settings.subnet.prefixLength,
            mac: node.mac,
            bastionAddress: settings.address,
            hostname: node.hostname,
            domain: "lab.test",
            kernelArguments: [],
          },
        };
      },
      log: (event) => say({ from: "boot", ...event }),
    }),
  );
  await http.listen({ host: settings.address, port: httpPort });
  await startArtefactWorkers({
    onMissing: () => {},
    blobDirectory: settings.blobDirectory,
    address: settings.address,
    port: artefactPort,
    count: 1,
    log: (message) => say({ from: "artefacts", message }),
  });

  const reserved = [settings.address, ...settings.nodes.map((node) => node.address)];
  const { leaseSeconds } = settings;
  serveDhcp(await adoptDhcpSocket(inheritedDescriptors.server), {
    identity: {
      address: settings.address,
      subnet: settings.subnet,
      dns: [settings.address],
      domain: "lab.test",
      leaseSeconds,
      chainloadFiles: chainloadNames,
      chainloadUrl: (file) => `${url(httpPort)}/boot/${file}`,
      scriptUrl: (mac, firmware) =>
        `${url(httpPort)}/boot/${mac.replaceAll(":", "-")}/script.ipxe?firmware=${firmware}`,
    },
    pool:
      settings.pool === undefined ? undefined : createLeasePool({ ...settings.pool, reserved, leaseSeconds }),
    lookup,
    now: () => new Date(),
    monotonicMs: () => performance.now(),
    log: (event) => say({ from: "dhcp", ...event }),
  });
  say({ from: "server", kind: "ready" });
} catch (error) {
  const { code, message, hint } = error as { code?: string; message: string; hint?: string };
  say({ from: "server", kind: "failed", code, message, hint });
  process.exit(1);
}
