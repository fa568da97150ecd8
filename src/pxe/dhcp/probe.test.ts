import { describe, expect, test } from "vitest";
import type { Ipv4Address, MacAddress } from "../../address.ts";
import { parseNeighbour } from "./neighbour.ts";
import { addressBytes, messageTypes, optionCode } from "./options.ts";
import { type DhcpPacket, decodeDhcp, encodeDhcp, noAddress } from "./packet.ts";
import { findForeignServers, type ProbeOptions, probePacket, refuseForeignServers } from "./probe.ts";
import type { DhcpSocket } from "./socket.ts";

const ip = (text: string) => text as Ipv4Address;
const mac = "02:00:00:00:00:01" as MacAddress;
const serverMac = "02:00:00:00:00:99" as MacAddress;
const xid = 0x1234;

/** @param answers what comes back for each DISCOVER, in order; the last one for all later ones. */
async function probe(answers: readonly (readonly Uint8Array[])[], changes: Partial<ProbeOptions> = {}) {
  let listener: Parameters<DhcpSocket["onDatagram"]>[0] = () => {};
  const sent: { bytes: Uint8Array; to: string }[] = [];
  let isClosed = false;
  const socket: DhcpSocket = {
    onDatagram: (given) => {
      listener = given;
    },
    onError: () => {},
    send: async (bytes, to) => {
      sent.push({ bytes, to: `${to.address}:${to.port}` });
    },
    close: () => {
      isClosed = true;
    },
  };
  let waits = 0;
  const servers = await findForeignServers(socket, {
    mac,
    ownAddress: ip("10.77.0.1"),
    xid,
    tries: 2,
    waitMs: 1_000,
    sleep: async () => {
      const now = answers[Math.min(waits, answers.length - 1)] ?? [];
      waits += 1;
      for (const bytes of now) listener(bytes, { address: "10.77.0.9", port: 67 });
    },
    hardwareAddress: async (address) => (address === "10.77.0.9" ? serverMac : undefined),
    ...changes,
  });
  expect(isClosed).toBe(true);
  return { servers, sent };
}

const offer = (changes: Partial<DhcpPacket> = {}, options: [number, Uint8Array][] = []): Uint8Array =>
  encodeDhcp(
    {
      ...probePacket(mac, xid),
      op: 2,
      yiaddr: ip("10.77.0.50"),
      options: new Map([
        [optionCode.messageType, Buffer.of(messageTypes.offer)],
        [optionCode.serverIdentifier, addressBytes(ip("10.77.0.9"))],
        ...options,
      ]),
      ...changes,
    },
    undefined,
  );

describe("asking for other servers", () => {
  test("it asks as a PXE client, by broadcast, so that ProxyDHCP servers answer too", async () => {
    const { sent, servers } = await probe([[]]);
    expect(servers).toEqual([]);
    expect(sent.map(({ to }) => to)).toEqual(["255.255.255.255:67", "255.255.255.255:67"]);
    const asked = decodeDhcp(sent[0]?.bytes ?? new Uint8Array());
    expect(asked).toMatchObject({ op: 1, isBroadcast: true, chaddr: mac, xid });
    expect(Buffer.from(asked.options.get(60) ?? []).toString()).toMatch(/^PXEClient:Arch:00007/);
  });

  test("a server that answers is found, with its hardware address", async () => {
    expect((await probe([[offer()]])).servers).toEqual([
      { address: "10.77.0.9", mac: serverMac, isProxy: false },
    ]);
  });

  test("a server that answers only the second question is found", async () => {
    expect((await probe([[], [offer()]])).servers.length).toBe(1);
  });

  test("a ProxyDHCP server, which gives no address, is found", async () => {
    expect((await probe([[offer({ yiaddr: noAddress })]])).servers).toMatchObject([{ isProxy: true }]);
  });

  test("a server that does not name itself is known by where its offer came from", async () => {
    const options = new Map([[optionCode.messageType, Buffer.of(messageTypes.offer)]]);
    expect((await probe([[offer({ options })]])).servers).toMatchObject([{ address: "10.77.0.9" }]);
  });

  test("each server is named once", async () => {
    const second = offer({}, [[optionCode.serverIdentifier, addressBytes(ip("10.77.0.8"))]]);
    const { servers } = await probe([[offer(), offer(), second]]);
    expect(servers.map(({ address, mac: hardware }) => [address, hardware])).toEqual([
      ["10.77.0.9", serverMac],
      ["10.77.0.8", undefined],
    ]);
  });

  test.each([
    ["our own offer", offer({}, [[optionCode.serverIdentifier, addressBytes(ip("10.77.0.1"))]])],
    ["an offer to somebody else", offer({ xid: 77 })],
    ["our own question, which we hear", encodeDhcp(probePacket(mac, xid), undefined)],
    ["a NAK", offer({}, [[optionCode.messageType, Buffer.of(messageTypes.nak)]])],
    ["garbage", Buffer.from("hello")],
  ])("%s is no foreign server", async (_name, bytes) => {
    expect((await probe([[bytes]])).servers).toEqual([]);
  });

  test("an interface that cannot send is an error with what to do", async () => {
    const socket: DhcpSocket = {
      onDatagram: () => {},
      onError: () => {},
      send: async () => {
        throw new Error("ENETDOWN");
      },
      close: () => {},
    };
    const options = {
      mac,
      ownAddress: ip("10.77.0.1"),
      xid,
      tries: 1,
      waitMs: 1,
      sleep: async () => {},
      hardwareAddress: async () => undefined,
    };
    await expect(findForeignServers(socket, options)).rejects.toMatchObject({
      code: "DHCP_PROBE_FAILED",
      hint: expect.stringContaining("ip -br addr"),
    });
  });
});

describe("refusing", () => {
  test("no foreign server: nothing happens", () => {
    expect(() => refuseForeignServers("eth0", [])).not.toThrow();
  });

  test("every foreign server is named, with what to do", () => {
    const servers = [
      { address: ip("10.77.0.9"), mac: serverMac, isProxy: false },
      { address: ip("10.77.0.8"), mac: undefined, isProxy: true },
    ];
    expect(() => refuseForeignServers("eth0", servers)).toThrow(
      expect.objectContaining({
        code: "FOREIGN_DHCP_SERVER",
        message:
          "another DHCP server answers on eth0: 10.77.0.9 (02:00:00:00:00:99); 10.77.0.8, a ProxyDHCP server",
        hint: expect.stringContaining("ss -lunp"),
      }),
    );
  });
});

test.each([
  ["10.77.0.9 dev br0 lladdr 02:00:00:00:00:99 REACHABLE\n", serverMac],
  ["10.77.0.9 dev br0 FAILED\n", undefined],
  ["", undefined],
])("the neighbour table is read: %j", (text, expected) => {
  expect(parseNeighbour(text)).toBe(expected);
});
