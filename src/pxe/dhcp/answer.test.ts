import { describe, expect, test } from "vitest";
import type { Ipv4Address, MacAddress } from "../../address.ts";
import type { BootDecision } from "../boot/decide.ts";
import { answerDhcp, type DhcpServerIdentity, destination } from "./answer.ts";
import { ipxeUefiDiscover, ovmfDiscover } from "./captures.test-data.ts";
import { type MessageType, messageTypes, optionCode, textOption } from "./options.ts";
import { type DhcpPacket, decodeDhcp, noAddress } from "./packet.ts";

const ip = (text: string) => text as Ipv4Address;
const address = ip("10.77.0.11");
const server: DhcpServerIdentity = {
  address: ip("10.77.0.1"),
  subnet: { network: ip("10.77.0.0"), prefixLength: 24 },
  gateway: ip("10.77.0.254"),
  dns: [ip("10.77.0.1")],
  domain: "lab.test",
  leaseSeconds: 3600,
  chainloadFiles: { "bios-x86": "undionly.kpxe", "uefi-x64": "snponly.efi" },
  chainloadUrl: (file) => `http://10.77.0.1:8080/boot/${file}`,
  scriptUrl: (mac, firmware) => `http://10.77.0.1:8080/boot/${mac}?firmware=${firmware}`,
};

const firmware = decodeDhcp(ovmfDiscover);
const ipxe = decodeDhcp(ipxeUefiDiscover);
/** An installed system: no PXE option at all. */
const system: DhcpPacket = { ...firmware, isBroadcast: false, options: new Map() };

type Claim = { requested?: string; serverIdentifier?: string; ciaddr?: string; giaddr?: string };
const say = (from: DhcpPacket, type: MessageType, claim: Claim = {}): DhcpPacket => {
  const options = new Map(from.options);
  options.set(optionCode.messageType, Buffer.of(messageTypes[type]));
  const addressBytes = (text: string) => Buffer.from(text.split(".").map(Number));
  if (claim.requested !== undefined) options.set(50, addressBytes(claim.requested));
  if (claim.serverIdentifier !== undefined) options.set(54, addressBytes(claim.serverIdentifier));
  return {
    ...from,
    ciaddr: ip(claim.ciaddr ?? noAddress),
    giaddr: ip(claim.giaddr ?? noAddress),
    options,
  };
};
const deploy: BootDecision = { kind: "deploy", attemptId: 1, address };
const chainload: BootDecision = { kind: "chainload-ipxe", firmware: "uefi-x64", address };
const localDisk: BootDecision = { kind: "boot-local-disk", address };
const addressOnly: BootDecision = { kind: "address-only", address };
const ask = (
  packet: DhcpPacket,
  decision: BootDecision = addressOnly,
  has: Ipv4Address | undefined = address,
) => answerDhcp({ packet, decision, address: has }, server);
const reply = (answer: ReturnType<typeof ask>) => {
  if (answer.kind !== "reply") throw new Error(`no reply: ${answer.reason}`);
  return answer;
};

describe("which message answers which", () => {
  test.each<[string, DhcpPacket, string]>([
    ["DISCOVER gets an OFFER", say(system, "discover"), "offer"],
    [
      "SELECTING us gets an ACK",
      say(system, "request", { requested: address, serverIdentifier: "10.77.0.1" }),
      "ack",
    ],
    [
      "SELECTING us with another address gets a NAK",
      say(system, "request", { requested: "10.77.0.99", serverIdentifier: "10.77.0.1" }),
      "nak",
    ],
    [
      "SELECTING another server gets nothing",
      say(system, "request", { requested: address, serverIdentifier: "10.77.0.9" }),
      "another-server-was-chosen",
    ],
    ["INIT-REBOOT with its address gets an ACK", say(system, "request", { requested: address }), "ack"],
    [
      "INIT-REBOOT with an address of another network gets a NAK",
      say(system, "request", { requested: "192.168.1.5" }),
      "nak",
    ],
    ["RENEWING gets an ACK", say(system, "request", { ciaddr: address }), "ack"],
    [
      "RENEWING an address it does not have gets a NAK",
      say(system, "request", { ciaddr: "10.77.0.99" }),
      "nak",
    ],
    ["REQUEST without any address gets a NAK", say(system, "request"), "nak"],
    ["INFORM gets an ACK", say(system, "inform", { ciaddr: "10.77.0.50" }), "ack"],
    ["DECLINE gets nothing", say(system, "decline", { requested: address }), "address-declined"],
    ["RELEASE gets nothing", say(system, "release", { ciaddr: address }), "address-released"],
    ["an OFFER of someone else gets nothing", say(system, "offer"), "not-a-client-message"],
    ["BOOTP without a message type gets nothing", system, "not-a-client-message"],
    ["a reply gets nothing", { ...say(system, "discover"), op: 2 }, "not-a-client-message"],
  ])("%s", (_name, packet, expected) => {
    const answer = ask(packet);
    expect(answer.kind === "reply" ? answer.type : answer.reason).toBe(expected);
  });

  test("being ignored is passed on with its reason", () => {
    const decision: BootDecision = { kind: "ignore", reason: "unknown-mac" };
    expect(ask(say(firmware, "discover"), decision, undefined)).toEqual({
      kind: "none",
      reason: "unknown-mac",
    });
  });

  test("a full pool answers nothing to DISCOVER and NAK to REQUEST", () => {
    const fromPool: BootDecision = { kind: "address-only", address: "from-pool" };
    const packet = { packet: say(system, "discover"), decision: fromPool, address: undefined };
    expect(answerDhcp(packet, server)).toEqual({ kind: "none", reason: "pool-exhausted" });
    const request = say(system, "request", { requested: "10.77.0.200" });
    expect(reply(answerDhcp({ ...packet, packet: request }, server)).type).toBe("nak");
  });
});

describe("what an answer says", () => {
  test("address, lease and network", () => {
    const { packet } = reply(ask(say(system, "discover")));
    expect(packet).toMatchObject({ op: 2, xid: firmware.xid, yiaddr: address, siaddr: noAddress, file: "" });
    const hex = Object.fromEntries(
      [...packet.options].map(([code, value]) => [code, Buffer.from(value).toString("hex")]),
    );
    expect(hex).toEqual({
      53: "02",
      54: "0a4d0001",
      51: "00000e10",
      58: "00000708",
      59: "00000c4e",
      1: "ffffff00",
      3: "0a4d00fe",
      6: "0a4d0001",
      15: Buffer.from("lab.test").toString("hex"),
    });
  });

  test("INFORM gives no address and no lease", () => {
    const { packet } = reply(ask(say(system, "inform", { ciaddr: "10.77.0.50" })));
    expect(packet.yiaddr).toBe(noAddress);
    expect(packet.ciaddr).toBe("10.77.0.50");
    expect([51, 58, 59].filter((code) => packet.options.has(code))).toEqual([]);
  });

  test("a network without a gateway names none", () => {
    const { gateway: _none, ...withoutGateway } = server;
    const answer = answerDhcp(
      { packet: say(system, "discover"), decision: addressOnly, address },
      withoutGateway,
    );
    expect(reply(answer).packet.options.has(optionCode.router)).toBe(false);
  });

  test("client-id and relay information are echoed, the latter last", () => {
    const asked = say(system, "discover");
    const options = new Map([[82, Buffer.of(1, 2, 3, 4)], [61, Buffer.of(1, 2)], ...asked.options]);
    const echoed = [...reply(ask({ ...asked, options })).packet.options];
    expect(echoed.slice(-2)).toEqual([
      [61, Buffer.of(1, 2)],
      [82, Buffer.of(1, 2, 3, 4)],
    ]);
  });

  test("a NAK gives nothing away but why", () => {
    const { packet } = reply(ask(say(system, "request", { requested: "10.9.9.9" })));
    expect(packet).toMatchObject({ yiaddr: noAddress, siaddr: noAddress, file: "" });
    expect([...packet.options.keys()]).toEqual([53, 54, 56]);
  });
});

describe("what there is to boot", () => {
  const withOption = (packet: DhcpPacket, ...changes: [number, Uint8Array][]): DhcpPacket => ({
    ...packet,
    options: new Map([...packet.options, ...changes]),
  });
  const httpBoot = withOption(
    firmware,
    [optionCode.vendorClass, Buffer.from("HTTPClient:Arch:00016:UNDI:003001")],
    [optionCode.clientArchitecture, Buffer.of(0, 16)],
  );
  const bios = withOption(firmware, [optionCode.clientArchitecture, Buffer.of(0, 0)]);

  test("UEFI leaves for its disk by PXE's own local boot, without loading anything", () => {
    const { packet } = reply(ask(say(firmware, "discover"), localDisk));
    expect(packet).toMatchObject({ yiaddr: address, siaddr: noAddress, file: "" });
    expect(packet.options.has(optionCode.bootFileName)).toBe(false);
    expect(textOption(packet.options, optionCode.vendorClass)).toBe("PXEClient");
    const vendorSpecific = packet.options.get(optionCode.vendorSpecific) ?? Buffer.of();
    expect(Buffer.from(vendorSpecific).toString("latin1")).toBe(
      "\x06\x01\x07\x09\x08\0\0\x05local\x0a\x02\0L\xff",
    );
  });

  test("BIOS is sent to iPXE for its disk too", () => {
    expect(reply(ask(say(bios, "discover"), localDisk)).packet.file).toBe("undionly.kpxe");
  });

  test("HTTP boot gets iPXE by HTTP to deploy, and for its disk a file that there is not", () => {
    const toDeploy = reply(ask(say(httpBoot, "discover"), chainload)).packet;
    expect(toDeploy.file).toBe("http://10.77.0.1:8080/boot/snponly.efi");
    expect(textOption(toDeploy.options, optionCode.vendorClass)).toBe("HTTPClient");
    expect(textOption(toDeploy.options, optionCode.bootFileName)).toBe(toDeploy.file);
    expect(toDeploy.options.has(optionCode.vendorSpecific)).toBe(false);
    const forDisk = reply(ask(say(httpBoot, "discover"), localDisk)).packet;
    expect(forDisk.file).toBe("http://10.77.0.1:8080/boot/local-disk.efi");
  });

  test("firmware is sent to iPXE by TFTP", () => {
    const { packet } = reply(ask(say(firmware, "discover"), chainload));
    expect(packet).toMatchObject({ siaddr: "10.77.0.1", file: "snponly.efi" });
    expect(textOption(packet.options, optionCode.bootFileName)).toBe("snponly.efi");
    expect(textOption(packet.options, optionCode.tftpServerName)).toBe("10.77.0.1");
    expect(textOption(packet.options, optionCode.vendorClass)).toBe("PXEClient");
    expect(packet.options.get(optionCode.vendorSpecific)).toEqual(Buffer.of(6, 1, 8, 255));
    expect(packet.options.get(optionCode.machineIdentifier)).toEqual(firmware.options.get(97));
  });

  test.each([
    ["to deploy", deploy],
    ["for the local disk", localDisk],
  ])("iPXE is sent to its script %s, and told not to wait for a ProxyDHCP server", (_name, decision) => {
    const { packet } = reply(ask(say(ipxe, "discover"), decision));
    expect(packet.file).toBe("http://10.77.0.1:8080/boot/52:54:00:77:00:11?firmware=uefi-x64");
    expect(textOption(packet.options, optionCode.bootFileName)).toBe(packet.file);
    expect(packet.options.get(optionCode.ipxe)).toEqual(Buffer.of(176, 1, 1));
    expect(packet.options.has(optionCode.vendorClass)).toBe(false);
  });

  test("an installed system gets no boot file, even of an armed node", () => {
    const { packet } = reply(ask(say(system, "discover"), addressOnly));
    expect(
      [optionCode.bootFileName, optionCode.tftpServerName, 43, 60].filter((code) => packet.options.has(code)),
    ).toEqual([]);
  });
});

test.each<[string, DhcpPacket, "offer" | "ack" | "nak", string, number]>([
  ["a new client has no address to be reached at", say(system, "discover"), "offer", "255.255.255.255", 68],
  ["a client that asked for broadcast", say(firmware, "discover"), "offer", "255.255.255.255", 68],
  [
    "a renewing client is reached at its address",
    say(system, "request", { ciaddr: address }),
    "ack",
    address,
    68,
  ],
  [
    "a NAK is broadcast: that address is not its own",
    say(system, "request", { ciaddr: address }),
    "nak",
    "255.255.255.255",
    68,
  ],
  ["a relay forwards", say(system, "discover", { giaddr: "10.88.0.1" }), "offer", "10.88.0.1", 67],
  [
    "a relay comes before ciaddr",
    say(system, "request", { giaddr: "10.88.0.1", ciaddr: address }),
    "ack",
    "10.88.0.1",
    67,
  ],
  ["a relay forwards a NAK", say(system, "request", { giaddr: "10.88.0.1" }), "nak", "10.88.0.1", 67],
])("destination: %s", (_name, packet, type, toAddress, port) => {
  expect(destination(packet, type)).toEqual({ address: toAddress, port });
});

test("a relay is asked to broadcast a NAK", () => {
  const answer = reply(ask(say(system, "request", { requested: "10.9.9.9", giaddr: "10.88.0.1" })));
  expect(answer.packet.isBroadcast).toBe(true);
});

test("leases belong to MAC addresses: no other field changes the answer's address", () => {
  const withClientId = {
    ...say(system, "discover"),
    options: new Map([...say(system, "discover").options, [61, Buffer.from("rom")]]),
  };
  expect(reply(ask(withClientId)).packet.yiaddr).toBe(address);
  expect(withClientId.chaddr satisfies MacAddress).toBe("52:54:00:77:00:11");
});
