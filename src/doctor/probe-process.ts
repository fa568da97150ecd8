/** A process of its own: asks for other DHCP servers through the socket that bin/open-dhcp-sockets left it. */
import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Ipv4Address, MacAddress } from "../address.ts";
import { ImagectlError } from "../errors.ts";
import { hardwareAddressOf } from "../pxe/dhcp/neighbour.ts";
import { findForeignServers } from "../pxe/dhcp/probe.ts";
import { adoptDhcpSocket, inheritedDescriptors } from "../pxe/dhcp/socket.ts";
import type { ForeignDhcp } from "./facts.ts";

/** As ProbeOptions says. */
const probe = { tries: 2, waitMs: 2_000 } as const;

async function ask(mac: string, ownAddress: string): Promise<ForeignDhcp> {
  try {
    const servers = await findForeignServers(await adoptDhcpSocket(inheritedDescriptors.client), {
      ...probe,
      mac: MacAddress.parse(mac),
      ownAddress: Ipv4Address.parse(ownAddress),
      xid: randomInt(2 ** 32),
      sleep: async (milliseconds) => {
        await sleep(milliseconds);
      },
      hardwareAddress: hardwareAddressOf,
    });
    return { kind: "asked", servers };
  } catch (error) {
    if (!(error instanceof ImagectlError)) throw error;
    return { kind: "not-asked", reason: error.message, hint: error.hint };
  }
}

const [mac = "", ownAddress = ""] = process.argv.slice(2);
process.stdout.write(JSON.stringify(await ask(mac, ownAddress)));
