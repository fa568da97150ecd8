/** Serves a fixed set of files over TFTP, read-only: requests in, transfers running, an event for how each ended. */
import { describeError } from "../../errors.ts";
import { negotiate } from "./negotiate.ts";
import { decodeTftp, encodeTftp, type TftpPacket, type TftpRequest, tftpErrors } from "./packet.ts";
import type { Peer, TftpSocket } from "./socket.ts";
import { createTransfer, type Step, type Transfer, type TransferState } from "./transfer.ts";

export type TftpFile = {
  readonly bytes: Uint8Array;
  /** The largest block that the firmware this file is for is known to take. */
  readonly maxBlockBytes: number;
};

export type TftpEvent =
  | {
      readonly kind: "sent";
      readonly peer: Peer;
      readonly filename: string;
      readonly bytes: number;
      readonly seconds: number;
      readonly resentBlocks: number;
    }
  /** UEFI asks for the size, breaks off with ERROR 8 and asks again: neither a failure nor a retry. */
  | { readonly kind: "size-asked"; readonly peer: Peer; readonly filename: string }
  | { readonly kind: "not-sent"; readonly peer: Peer; readonly filename: string; readonly reason: string }
  | { readonly kind: "refused"; readonly peer: Peer; readonly filename: string; readonly reason: string }
  | { readonly kind: "busy"; readonly peer: Peer; readonly filename: string; readonly reason: string }
  | { readonly kind: "malformed"; readonly peer: Peer; readonly message: string }
  | { readonly kind: "socket-failed"; readonly message: string };

export type TftpDependencies = {
  /** By name, without leading slash. There is no path in it, so there is none to break out of. */
  readonly files: ReadonlyMap<string, TftpFile>;
  /** Opens a socket on a free port: each transfer has its own (RFC 1350 section 4). */
  readonly openTransferSocket: () => Promise<TftpSocket>;
  readonly maxTransfers: number;
  readonly monotonicMs: () => number;
  readonly log: (event: TftpEvent) => void;
};

type Running = { readonly request: TftpRequest; readonly stop: () => void; isSilent: () => boolean };

/** Answers until `close` of the returned value. No datagram, however broken, ends it. */
export function serveTftp(main: TftpSocket, dependencies: TftpDependencies): { close(): void } {
  const { files, log } = dependencies;
  const running = new Map<string, Running>();

  main.onError((error) => log({ kind: "socket-failed", message: describeError(error) }));
  main.onDatagram((bytes, peer) => {
    // There is no answering to port 0, and trying to is an exception.
    if (peer.port === 0) return log({ kind: "malformed", peer, message: "TFTP: source port 0" });
    const packet = decodeOrLog(bytes, peer, log);
    if (packet === undefined) return;
    if (packet.kind !== "read" && packet.kind !== "write") return;
    const refusal = whyRefused(packet, files);
    if (refusal !== undefined) {
      main.send(encodeTftp({ kind: "error", code: refusal.code, message: refusal.reason }), peer);
      return log({ kind: "refused", peer, filename: packet.filename, reason: refusal.reason });
    }
    admit(packet, peer);
  });

  const admit = (request: TftpRequest, peer: Peer): void => {
    const key = `${peer.address} ${peer.port}`;
    const before = running.get(key);
    if (before !== undefined) {
      // The same question again while the answer is on its way: the client is only impatient.
      if (isSameRequest(before.request, request) && !before.isSilent()) return;
      before.stop();
    }
    if (running.size >= dependencies.maxTransfers) {
      // No ERROR: it would end the client's boot, while silence makes it ask again.
      const reason = `${running.size} transfers are running`;
      log({ kind: "busy", peer, filename: request.filename, reason });
      return;
    }
    const transfer = runTransfer(request, peer, dependencies, () => {
      if (running.get(key) === transfer) running.delete(key);
    });
    running.set(key, transfer);
  };

  return {
    close: () => {
      main.close();
      for (const transfer of [...running.values()]) transfer.stop();
    },
  };
}

function whyRefused(
  request: TftpRequest,
  files: TftpDependencies["files"],
): { readonly code: number; readonly reason: string } | undefined {
  if (request.kind === "write") {
    return { code: tftpErrors.accessViolation, reason: "this server is read-only" };
  }
  if (!files.has(fileName(request))) return { code: tftpErrors.fileNotFound, reason: "no such file" };
  if (request.mode !== "octet") {
    return { code: tftpErrors.illegalOperation, reason: `mode ${request.mode} is not served, use octet` };
  }
  return undefined;
}

/** ROMs write the name with a slash or a backslash before it. */
function fileName(request: TftpRequest): string {
  return request.filename.replace(/^[/\\]+/, "");
}

function isSameRequest(left: TftpRequest, right: TftpRequest): boolean {
  return Buffer.compare(encodeTftp(left), encodeTftp(right)) === 0;
}

function decodeOrLog(bytes: Uint8Array, peer: Peer, log: (event: TftpEvent) => void): TftpPacket | undefined {
  try {
    return decodeTftp(bytes);
  } catch (error) {
    log({ kind: "malformed", peer, message: describeError(error) });
    return undefined;
  }
}

/** Drives one transfer over its own socket. */
function runTransfer(
  request: TftpRequest,
  peer: Peer,
  { files, openTransferSocket, monotonicMs, log }: TftpDependencies,
  onEnd: () => void,
): Running {
  const filename = fileName(request);
  const file = files.get(filename) as TftpFile;
  const agreement = negotiate(request.options, {
    bytes: file.bytes.length,
    maxBlockBytes: file.maxBlockBytes,
  });
  const transfer = createTransfer(file.bytes, agreement);
  const startedMs = monotonicMs();
  let socket: TftpSocket | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;

  const stop = (): void => {
    if (isStopped) return;
    isStopped = true;
    clearTimeout(timer);
    socket?.close();
    onEnd();
  };
  const follow = ({ send, state }: Step): void => {
    if (isStopped) return;
    for (const packet of send) socket?.send(encodeTftp(packet), peer);
    if (state.kind !== "running") {
      stop();
      const seconds = (monotonicMs() - startedMs) / 1_000;
      log(endEvent(state, { peer, request, bytes: file.bytes.length, seconds, transfer }));
      return;
    }
    clearTimeout(timer);
    // When the event loop was busy, the ACK may lie in the socket already: timers run before sockets are read,
    // setImmediate after.
    timer = setTimeout(
      () => setImmediate(() => follow(transfer.wake(monotonicMs()))),
      Math.max(1, Math.ceil(state.wakeAtMs - monotonicMs())),
    );
  };
  const use = (opened: TftpSocket): void => {
    if (isStopped) {
      opened.close();
      return;
    }
    socket = opened;
    opened.onError((error) => log({ kind: "socket-failed", message: describeError(error) }));
    opened.onDatagram((bytes, from) => {
      if (isStopped || from.port === 0) return;
      if (from.port !== peer.port || from.address !== peer.address) return refuseStranger(opened, from);
      const packet = decodeOrLog(bytes, peer, log);
      if (packet !== undefined) follow(transfer.receive(packet, monotonicMs()));
    });
    follow(transfer.start(monotonicMs()));
  };

  openTransferSocket().then(use, (error: unknown) => {
    stop();
    log({ kind: "busy", peer, filename, reason: describeError(error) });
  });
  return { request, stop, isSilent: () => transfer.isWaitingAgain() };
}

/** RFC 1350 section 4: the stranger is told, and the transfer is not disturbed. */
function refuseStranger(socket: TftpSocket, from: Peer): void {
  const message = "unknown transfer id";
  socket.send(encodeTftp({ kind: "error", code: tftpErrors.unknownTransferId, message }), from);
}

type Ended = {
  readonly peer: Peer;
  readonly request: TftpRequest;
  readonly bytes: number;
  readonly seconds: number;
  readonly transfer: Transfer;
};

function endEvent(
  state: Exclude<TransferState, { kind: "running" }>,
  { peer, request, bytes, seconds, transfer }: Ended,
): TftpEvent {
  const filename = fileName(request);
  switch (state.kind) {
    case "complete":
      return { kind: "sent", peer, filename, bytes, seconds, resentBlocks: transfer.resentBlocks() };
    case "aborted":
      return request.options.has("tsize") && state.code === tftpErrors.optionsRefused
        ? { kind: "size-asked", peer, filename }
        : {
            kind: "not-sent",
            peer,
            filename,
            reason: `the client broke off: ${state.code} ${state.message}`,
          };
    case "client-silent":
      return { kind: "not-sent", peer, filename, reason: "the client no longer answers" };
    default:
      return state satisfies never;
  }
}
