import { describe, expect, test } from "vitest";
import type { Ipv4Address, MacAddress } from "../../address.ts";
import type { BootTarget } from "../boot/decide.ts";
import { ipxeUefiDiscover, ovmfDiscover, ovmfRequest } from "./captures.test-data.ts";
import { createLeasePool, type LeasePool } from "./leases.ts";
import { addressBytes, type MessageType, messageTypes, optionCode } from "./options.ts";
import { type DhcpPacket, decodeDhcp, encodeDhcp, noAddress } from "./packet.ts";
import { type DhcpEvent, serveDhcp } from "./server.ts";
import type { DhcpSocket } from "./socket.ts";

const ip = (text: string) => text as Ipv4Address;
const node = "52:54:00:77:00:11" as MacAddress;
const visitor = "02:00:00:00:00:01" as MacAddress;
const later = "2026-01-01T12:00:01Z";

function openServer(options: { pool?: LeasePool; sendFails?: boolean } = {}) {
  let onDatagram: Parameters<DhcpSocket["onDatagram"]>[0] = () => {};
  let onError: Parameters<DhcpSocket["onError"]>[0] = () => {};
  const replies: { packet: DhcpPacket; to: string }[] = [];
  const events: DhcpEvent[] = [];
  const firmwares = ["uefi-x64"] as const;
  const attempt = { id: 1, purpose: "deploy", deadline: later, isDeployed: false, firmwares } as const;
  const targets = new Map<MacAddress, BootTarget>([
    [node, { kind: "node", hostname: "node1", address: ip("10.77.0.11"), attempt }],
  ]);
  const socket: DhcpSocket = {
    onDatagram: (listener) => {
      onDatagram = listener;
    },
    onError: (listener) => {
      onError = listener;
    },
    send: async (bytes, to) => {
      if (options.sendFails === true) throw new Error("ENETUNREACH");
      replies.push({ packet: decodeDhcp(bytes), to: `${to.address}:${to.port}` });
    },
    close: () => {},
  };
  serveDhcp(socket, {
    identity: {
      address: ip("10.77.0.1"),
      subnet: { network: ip("10.77.0.0"), prefixLength: 24 },
      dns: [ip("10.77.0.1")],
      domain: "lab.test",
      leaseSeconds: 100,
      chainloadFiles: { "bios-x86": "undionly.kpxe", "uefi-x64": "snponly.efi" },
      chainloadUrl: (file) => `http://10.77.0.1:8080/boot/${file}`,
      scriptUrl: (mac) => `http://10.77.0.1:8080/boot/${mac}`,
    },
    pool: options.pool,
    lookup: (mac) => targets.get(mac) ?? { kind: "unknown", hasPool: options.pool !== undefined },
    now: () => new Date("2026-01-01T12:00:00Z"),
    monotonicMs: () => 0,
    log: (event) => events.push(event),
  });
  const hear = (bytes: Uint8Array) => onDatagram(bytes, { address: "0.0.0.0", port: 68 });
  return { hear, fail: (error: Error) => onError(error), replies, events };
}

const pool = () =>
  createLeasePool({ first: ip("10.77.0.200"), last: ip("10.77.0.201"), reserved: [], leaseSeconds: 100 });

function fromVisitor(
  type: MessageType,
  options: [number, Uint8Array][] = [],
  ciaddr = noAddress,
): Uint8Array {
  return encodeDhcp(
    {
      ...decodeDhcp(ovmfDiscover),
      chaddr: visitor,
      ciaddr,
      options: new Map([[optionCode.messageType, Buffer.of(messageTypes[type])], ...options]),
    },
    undefined,
  );
}

describe("a node that is armed", () => {
  test("is led from its firmware to its script", () => {
    const { hear, replies, events } = openServer();
    for (const bytes of [ovmfDiscover, ovmfRequest, ipxeUefiDiscover]) hear(bytes);
    expect(replies.map(({ packet, to }) => [packet.yiaddr, packet.file, to])).toEqual([
      ["10.77.0.11", "snponly.efi", "255.255.255.255:68"],
      ["10.77.0.11", "snponly.efi", "255.255.255.255:68"],
      ["10.77.0.11", `http://10.77.0.1:8080/boot/${node}`, "255.255.255.255:68"],
    ]);
    expect(events).toMatchObject([
      { kind: "replied", type: "offer", mac: node, bootFile: "snponly.efi", decision: "chainload-ipxe" },
      { kind: "replied", type: "ack", mac: node, bootFile: "snponly.efi" },
      { kind: "replied", type: "offer", mac: node, decision: "deploy" },
    ]);
  });
});

describe("an unknown machine", () => {
  test.each([
    ["without a pool", undefined],
    ["with a pool", pool()],
  ])("that boots from the network gets no answer %s", (_name, leases) => {
    const { hear, replies, events } = openServer(leases === undefined ? {} : { pool: leases });
    const bytes = Buffer.from(ovmfDiscover);
    bytes[33] = 0x99;
    hear(bytes);
    expect(replies).toEqual([]);
    expect(events).toEqual([{ kind: "not-answered", mac: "52:54:00:77:00:99", reason: "unknown-mac" }]);
  });

  test("gets no answer without a pool", () => {
    const { hear, replies, events } = openServer();
    hear(fromVisitor("discover"));
    expect(replies).toEqual([]);
    expect(events).toMatchObject([{ kind: "not-answered", mac: visitor, reason: "no-pool" }]);
  });

  test("leases an address from the pool, renews it and gives it back", () => {
    const leases = pool();
    const { hear, replies } = openServer({ pool: leases });
    const requested: [number, Uint8Array] = [optionCode.requestedAddress, addressBytes(ip("10.77.0.200"))];
    hear(fromVisitor("discover"));
    hear(fromVisitor("request", [requested, [optionCode.serverIdentifier, addressBytes(ip("10.77.0.1"))]]));
    hear(fromVisitor("request", [], ip("10.77.0.200")));
    hear(fromVisitor("request", [], ip("10.77.0.222")));
    expect(replies.map(({ packet, to }) => [packet.options.get(53)?.[0], packet.yiaddr, to])).toEqual([
      [messageTypes.offer, "10.77.0.200", "255.255.255.255:68"],
      [messageTypes.ack, "10.77.0.200", "255.255.255.255:68"],
      [messageTypes.ack, "10.77.0.200", "10.77.0.200:68"],
      [messageTypes.nak, noAddress, "255.255.255.255:68"],
    ]);
    expect(leases.lease("02:00:00:00:00:02" as MacAddress, ip("10.77.0.200"), 0)).toBe(false);
    hear(fromVisitor("release", [], ip("10.77.0.200")));
    expect(leases.lease("02:00:00:00:00:02" as MacAddress, ip("10.77.0.200"), 0)).toBe(true);
  });

  test("that chose another server takes nothing from the pool", () => {
    const leases = pool();
    const { hear, replies } = openServer({ pool: leases });
    const other: [number, Uint8Array] = [optionCode.serverIdentifier, addressBytes(ip("10.77.0.9"))];
    hear(fromVisitor("request", [[optionCode.requestedAddress, addressBytes(ip("10.77.0.200"))], other]));
    expect(replies).toEqual([]);
    expect(leases.lease("02:00:00:00:00:02" as MacAddress, ip("10.77.0.200"), 0)).toBe(true);
  });

  test("that declines an address is told another, and it is an event", () => {
    const { hear, replies, events } = openServer({ pool: pool() });
    hear(fromVisitor("discover"));
    hear(fromVisitor("decline", [[optionCode.requestedAddress, addressBytes(ip("10.77.0.200"))]]));
    hear(fromVisitor("discover"));
    expect(replies.map(({ packet }) => packet.yiaddr)).toEqual(["10.77.0.200", "10.77.0.201"]);
    expect(events).toContainEqual({ kind: "address-conflict", mac: visitor, address: "10.77.0.200" });
  });
});

describe("whatever the network does", () => {
  test.each([
    ["nothing", Buffer.of()],
    ["one byte", Buffer.of(1)],
    ["half a packet", ovmfDiscover.subarray(0, 200)],
    ["a packet with half an option", ovmfDiscover.subarray(0, ovmfDiscover.length - 10)],
  ])("a datagram of %s is an event and no end", (_name, bytes) => {
    const { hear, replies, events } = openServer();
    hear(bytes);
    hear(ovmfDiscover);
    expect(events[0]).toMatchObject({ kind: "malformed", from: "0.0.0.0" });
    expect(replies.length).toBe(1);
  });

  test("a reply of another server is not answered", () => {
    const { hear, replies, events } = openServer();
    hear(encodeDhcp({ ...decodeDhcp(ovmfDiscover), op: 2 }, undefined));
    expect([replies, events]).toEqual([[], []]);
  });

  test("what cannot be sent, and a socket that fails, are events", async () => {
    const { hear, fail, events } = openServer({ sendFails: true });
    hear(ovmfDiscover);
    fail(new Error("ENETDOWN"));
    await Promise.resolve();
    expect(events.filter((event) => event.kind === "socket-failed")).toEqual([
      { kind: "socket-failed", message: "ENETDOWN" },
      { kind: "socket-failed", message: "to 255.255.255.255: ENETUNREACH" },
    ]);
  });

  test("the reply fits what the client says it takes", () => {
    const { hear, replies } = openServer();
    const asked = decodeDhcp(ovmfDiscover);
    const options = new Map([
      ...asked.options,
      [82, Buffer.alloc(250)] as const,
      [57, Buffer.of(2, 64)] as const,
    ]);
    hear(encodeDhcp({ ...asked, options }, 1500));
    expect(encodeDhcp(replies[0]?.packet as DhcpPacket, 1500).length).toBeLessThanOrEqual(548);
  });
});
