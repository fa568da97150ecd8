/** The door of DHCP: the only file of this room that touches the network. */
import { createSocket } from "node:dgram";
import { ImagectlError } from "../../errors.ts";
import type { DhcpDestination } from "./answer.ts";

/** A UDP socket as this room needs it; tests hand in one without a network. */
export type DhcpSocket = {
  onDatagram(listener: (bytes: Uint8Array, from: { address: string; port: number }) => void): void;
  /** Errors of the socket that no call can return: the interface went down. */
  onError(listener: (error: Error) => void): void;
  /** @throws when the kernel refuses the datagram. */
  send(bytes: Uint8Array, to: DhcpDestination): Promise<void>;
  close(): void;
};

/** Descriptors that bin/open-dhcp-sockets leaves open for us. */
export const inheritedDescriptors = { server: 3, client: 4 } as const;

/**
 * Takes over a UDP socket that bin/open-dhcp-sockets bound to port and interface: Node cannot set
 * SO_BINDTODEVICE, and a socket bound to an address instead never hears a broadcast.
 * @throws ImagectlError DHCP_SOCKET_MISSING when the descriptor is no UDP socket.
 */
export async function adoptDhcpSocket(descriptor: number): Promise<DhcpSocket> {
  const socket = createSocket("udp4");
  const listening = new Promise<void>((resolve, reject) => {
    socket.once("listening", resolve);
    socket.once("error", reject);
  });
  try {
    socket.bind({ fd: descriptor });
    await listening;
  } catch (cause) {
    socket.close();
    throw new ImagectlError("DHCP_SOCKET_MISSING", `descriptor ${descriptor} is not a UDP socket`, {
      hint: "Start the server through: bin/open-dhcp-sockets INTERFACE -- COMMAND",
      cause,
    });
  }
  return {
    onDatagram: (listener) => {
      socket.on("message", listener);
    },
    onError: (listener) => {
      socket.removeAllListeners("error");
      socket.on("error", listener);
    },
    send: (bytes, to) =>
      new Promise((resolve, reject) => {
        socket.send(bytes, to.port, to.address, (error) => (error === null ? resolve() : reject(error)));
      }),
    close: () => {
      socket.close();
    },
  };
}
