import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { decodeTftp, encodeTftp, type TftpPacket } from "./packet.ts";
import { serveTftp, type TftpEvent } from "./server.ts";
import type { Peer, TftpSocket } from "./socket.ts";

type FakeSocket = TftpSocket & {
  readonly sent: { readonly packet: TftpPacket; readonly to: Peer }[];
  isClosed: boolean;
  receive(bytes: Uint8Array | string, from: Peer): void;
  fail(error: Error): void;
};

function fakeSocket(): FakeSocket {
  let onDatagram: (bytes: Uint8Array, from: Peer) => void = () => {};
  let onError: (error: Error) => void = () => {};
  const socket: FakeSocket = {
    sent: [],
    isClosed: false,
    onDatagram: (listener) => {
      onDatagram = listener;
    },
    onError: (listener) => {
      onError = listener;
    },
    send: (bytes, to) => {
      if (socket.isClosed) throw new Error("sent on a closed socket");
      socket.sent.push({ packet: decodeTftp(bytes), to });
    },
    close: () => {
      socket.isClosed = true;
    },
    receive: (bytes, from) =>
      onDatagram(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes, from),
    fail: (error) => onError(error),
  };
  return socket;
}

const client: Peer = { address: "10.77.0.11", port: 2070 };
const stranger: Peer = { address: "10.77.0.66", port: 2070 };
const request = (filename: string, options: Record<string, string> = {}, mode = "octet"): Uint8Array =>
  encodeTftp({ kind: "read", filename, mode, options: new Map(Object.entries(options)) });
const ack = (block: number): Uint8Array => encodeTftp({ kind: "ack", block });

function openServer(limits: { maxTransfers?: number; brokenSockets?: boolean } = {}) {
  const main = fakeSocket();
  const transfers: FakeSocket[] = [];
  const events: TftpEvent[] = [];
  const server = serveTftp(main, {
    files: new Map([["snponly.efi", { bytes: new Uint8Array(1_000), maxBlockBytes: 1024 }]]),
    openTransferSocket: async () => {
      if (limits.brokenSockets === true) throw new Error("EMFILE");
      const socket = fakeSocket();
      transfers.push(socket);
      return socket;
    },
    maxTransfers: limits.maxTransfers ?? 10,
    monotonicMs: () => performance.now(),
    log: (event) => events.push(event),
  });
  const asked = async (bytes: Uint8Array | string, from: Peer = client): Promise<FakeSocket> => {
    main.receive(bytes, from);
    await vi.advanceTimersByTimeAsync(0);
    return transfers.at(-1) as FakeSocket;
  };
  return { main, transfers, events, server, asked };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("a transfer", () => {
  test("goes over a socket of its own and ends with an event", async () => {
    const { asked, main, events } = openServer();
    const socket = await asked(request("snponly.efi"));
    expect(main.sent).toEqual([]);
    socket.receive(ack(1), client);
    expect(socket.sent.map(({ packet, to }) => [packet.kind === "data" && packet.block, to])).toEqual([
      [1, client],
      [2, client],
    ]);
    socket.receive(ack(2), client);
    expect(socket.isClosed).toBe(true);
    expect(events).toEqual([
      { kind: "sent", peer: client, filename: "snponly.efi", bytes: 1_000, seconds: 0, resentBlocks: 0 },
    ]);
  });

  test.each(["/snponly.efi", "\\snponly.efi", "//snponly.efi"])("ROMs write the name as %s", async (name) => {
    expect((await openServer().asked(request(name))).sent.length).toBe(1);
  });

  test("sends again what is not acknowledged, and gives up a client that is gone", async () => {
    const { asked, events } = openServer();
    const socket = await asked(request("snponly.efi"));
    await vi.advanceTimersByTimeAsync(600);
    expect(socket.sent.length).toBe(2);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(socket.sent.length).toBe(8);
    expect(socket.isClosed).toBe(true);
    expect(events).toEqual([
      { kind: "not-sent", peer: client, filename: "snponly.efi", reason: "the client no longer answers" },
    ]);
  });

  test("an ACK that waits in the socket while the event loop is busy is read before anything is sent again", async () => {
    const { asked } = openServer();
    const socket = await asked(request("snponly.efi"));
    // Timers run before sockets are read: the timer is due, and the ACK comes in the same round of the loop.
    vi.advanceTimersToNextTimer();
    socket.receive(ack(1), client);
    await vi.advanceTimersByTimeAsync(0);
    expect(socket.sent.map(({ packet }) => packet.kind === "data" && packet.block)).toEqual([1, 2]);
  });

  test("UEFI asks for the size and breaks off: no failure", async () => {
    const { asked, events } = openServer();
    const socket = await asked(request("snponly.efi", { tsize: "0", blksize: "1468" }));
    expect(socket.sent[0]?.packet).toEqual({
      kind: "oack",
      options: new Map([
        ["tsize", "1000"],
        ["blksize", "1024"],
      ]),
    });
    socket.receive(encodeTftp({ kind: "error", code: 8, message: "User aborted the transfer" }), client);
    expect(events).toEqual([{ kind: "size-asked", peer: client, filename: "snponly.efi" }]);
    expect(socket.isClosed).toBe(true);
  });

  test("a client that breaks off is told with its own words", async () => {
    const { asked, events } = openServer();
    const socket = await asked(request("snponly.efi"));
    socket.receive(encodeTftp({ kind: "error", code: 3, message: "disk full" }), client);
    expect(events).toMatchObject([{ kind: "not-sent", reason: "the client broke off: 3 disk full" }]);
  });
});

describe("strangers", () => {
  test.each<[string, Peer]>([
    ["another machine", stranger],
    ["another port of the client", { ...client, port: 2071 }],
  ])("%s is told ERROR 5, and the transfer goes on", async (_name, from) => {
    const { asked } = openServer();
    const socket = await asked(request("snponly.efi"));
    socket.receive(ack(1), from);
    socket.receive(encodeTftp({ kind: "error", code: 0, message: "stop it" }), from);
    expect(
      socket.sent.slice(1).map(({ packet, to }) => [packet.kind === "error" && packet.code, to]),
    ).toEqual([
      [5, from],
      [5, from],
    ]);
    socket.receive(ack(1), client);
    expect(socket.sent.at(-1)?.packet).toMatchObject({ kind: "data", block: 2 });
  });

  test("source port 0 is not answered: sending there is an exception", async () => {
    const { main, asked, events } = openServer();
    main.receive(request("snponly.efi"), { ...client, port: 0 });
    main.receive(request("no-such-file"), { ...client, port: 0 });
    const socket = await asked(request("snponly.efi"));
    socket.receive(ack(1), { ...client, port: 0 });
    expect(socket.sent.length).toBe(1);
    expect(events).toMatchObject([{ kind: "malformed" }, { kind: "malformed" }]);
  });
});

describe("what is not served", () => {
  test.each<[string, Uint8Array, number, string]>([
    ["a file that there is not", request("passwd"), 1, "no such file"],
    ["a way out", request("../../etc/passwd"), 1, "no such file"],
    ["an absolute path", request("/etc/passwd"), 1, "no such file"],
    ["a name from every object's prototype", request("constructor"), 1, "no such file"],
    ["nothing", request(""), 1, "no such file"],
    ["text mode", request("snponly.efi", {}, "netascii"), 4, "mode netascii is not served, use octet"],
    [
      "writing",
      encodeTftp({ kind: "write", filename: "snponly.efi", mode: "octet", options: new Map() }),
      2,
      "this server is read-only",
    ],
  ])("%s", async (_name, bytes, code, message) => {
    const { main, asked, events, transfers } = openServer();
    await asked(bytes);
    expect(main.sent).toEqual([{ packet: { kind: "error", code, message }, to: client }]);
    expect(events).toMatchObject([{ kind: "refused", reason: message }]);
    expect(transfers).toEqual([]);
  });
});

describe("whatever the network does", () => {
  test.each([
    ["nothing", ""],
    ["one byte", "\0"],
    ["half a request", "\0\x01snponly"],
    ["an unknown opcode", "\0\x63abc"],
  ])("a datagram of %s ends neither the server nor a transfer", async (_name, bytes) => {
    const { main, asked, events } = openServer();
    main.receive(bytes, client);
    const socket = await asked(request("snponly.efi"));
    socket.receive(bytes, client);
    socket.receive(ack(1), client);
    expect(socket.sent.at(-1)?.packet).toMatchObject({ kind: "data", block: 2 });
    expect(events.filter((event) => event.kind === "malformed").length).toBe(2);
  });

  test("an ACK or DATA at the request port is no request", async () => {
    const { main, asked, events } = openServer();
    await asked(ack(1));
    await asked(encodeTftp({ kind: "data", block: 1, data: new Uint8Array(3) }));
    expect(main.sent).toEqual([]);
    expect(events).toEqual([]);
  });

  test("exhausted descriptors are an event, and the next request is served", async () => {
    const limits = { brokenSockets: true };
    const { asked, events } = openServer(limits);
    await asked(request("snponly.efi"));
    expect(events).toMatchObject([{ kind: "busy", reason: "EMFILE" }]);
    limits.brokenSockets = false;
    expect((await asked(request("snponly.efi"))).sent.length).toBe(1);
  });

  test("socket errors are events", async () => {
    const { main, asked, events } = openServer();
    main.fail(new Error("ENETDOWN"));
    (await asked(request("snponly.efi"))).fail(new Error("ENETUNREACH"));
    expect(events).toMatchObject([
      { kind: "socket-failed", message: "ENETDOWN" },
      { kind: "socket-failed", message: "ENETUNREACH" },
    ]);
  });

  test("beyond the most transfers there is silence, which makes the client ask again", async () => {
    const { main, transfers, asked, events } = openServer({ maxTransfers: 1 });
    const first = await asked(request("snponly.efi"));
    await asked(request("snponly.efi"), stranger);
    expect(main.sent).toEqual([]);
    expect(transfers.length).toBe(1);
    expect(events).toMatchObject([{ kind: "busy", peer: stranger }]);
    first.receive(ack(1), client);
    first.receive(ack(2), client);
    expect((await asked(request("snponly.efi"), stranger)).sent.length).toBe(1);
  });
});

describe("a request that comes again", () => {
  test("while its answer is on the way, is only impatience", async () => {
    const { asked, transfers } = openServer();
    await asked(request("snponly.efi"));
    await asked(request("snponly.efi"));
    expect(transfers.length).toBe(1);
  });

  test("after silence, is a machine that was switched off and on: ROMs always use the same port", async () => {
    const { asked, transfers } = openServer();
    const first = await asked(request("snponly.efi"));
    await vi.advanceTimersByTimeAsync(600);
    await asked(request("snponly.efi"));
    expect(transfers.length).toBe(2);
    expect(first.isClosed).toBe(true);
  });

  test("with other options, takes the place of the first", async () => {
    const { asked, transfers } = openServer();
    const first = await asked(request("snponly.efi", { tsize: "0" }));
    const second = await asked(request("snponly.efi"));
    expect(transfers.length).toBe(2);
    expect(first.isClosed).toBe(true);
    expect(second.isClosed).toBe(false);
  });

  test("before the first socket is open, leaves one transfer", async () => {
    const { main, asked, transfers } = openServer();
    main.receive(request("snponly.efi", { tsize: "0" }), client);
    await asked(request("snponly.efi"));
    expect(transfers.map((socket) => socket.isClosed)).toEqual([true, false]);
  });
});

test("closing ends every transfer and sends nothing more", async () => {
  const { asked, server, main, events } = openServer();
  const socket = await asked(request("snponly.efi"));
  server.close();
  await vi.advanceTimersByTimeAsync(60_000);
  expect([main.isClosed, socket.isClosed, socket.sent.length]).toEqual([true, true, 1]);
  expect(events).toEqual([]);
});
