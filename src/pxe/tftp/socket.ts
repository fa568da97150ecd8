/** The door of TFTP: the only file of this room that touches the network. */
import { createSocket } from "node:dgram";
import { ImagectlError } from "../../errors.ts";

export type Peer = { readonly address: string; readonly port: number };

/** A UDP socket as this room needs it; tests hand in one without a network. */
export type TftpSocket = {
  onDatagram(listener: (bytes: Uint8Array, from: Peer) => void): void;
  onError(listener: (error: Error) => void): void;
  /** Failures reach the error listener: to TFTP a datagram that was not sent is a lost one. */
  send(bytes: Uint8Array, to: Peer): void;
  close(): void;
};

/**
 * @param port 0: a free one, which becomes a transfer id.
 * @throws ImagectlError PORT_IN_USE, SOCKET_FAILED.
 */
export async function openTftpSocket(address: string, port: number): Promise<TftpSocket> {
  const socket = createSocket({ type: "udp4", recvBufferSize: port === 0 ? undefined : requestBufferBytes });
  await new Promise<void>((resolve, reject) => {
    socket.once("error", (cause: NodeJS.ErrnoException) => {
      socket.close();
      reject(bindError(address, port, cause));
    });
    socket.bind({ address, port, exclusive: true }, () => {
      socket.removeAllListeners("error");
      resolve();
    });
  });
  let onError: (error: Error) => void = () => {};
  socket.on("error", (error) => onError(error));
  return {
    onDatagram: (listener) => {
      socket.on("message", listener);
    },
    onError: (listener) => {
      onError = listener;
    },
    send: (bytes, to) => {
      socket.send(bytes, to.port, to.address, (error) => {
        if (error !== null) onError(error);
      });
    },
    close: () => {
      socket.close();
    },
  };
}

/** Room for the requests of a rack that is switched on at once. Bytes; the kernel caps it at rmem_max. */
const requestBufferBytes = 1 << 20;

function bindError(address: string, port: number, cause: NodeJS.ErrnoException): ImagectlError {
  if (cause.code === "EADDRINUSE") {
    return new ImagectlError("PORT_IN_USE", `cannot listen on UDP ${port} of ${address}`, {
      hint: `Another TFTP server holds it. Find it with: ss -lunp 'sport = :${port}'`,
      cause,
    });
  }
  return new ImagectlError("SOCKET_FAILED", `cannot open a UDP socket on ${address}: ${cause.message}`, {
    hint:
      cause.code === "EADDRNOTAVAIL"
        ? `Give the interface its address first: ip -br addr | grep ${address}`
        : "Look into the limits of the process: ulimit -n; and its rights: id",
    cause,
  });
}
