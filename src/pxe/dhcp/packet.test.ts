import { describe, expect, test } from "vitest";
import type { Ipv4Address, MacAddress } from "../../address.ts";
import { ipxeBiosDiscover, ipxeUefiDiscover, ovmfDiscover, ovmfRequest } from "./captures.test-data.ts";
import {
  addressOption,
  firmwareOf,
  isIpxe,
  messageType,
  optionCode,
  textOption,
  uint16Option,
  userClasses,
  wantsNetworkBoot,
} from "./options.ts";
import { type DhcpPacket, decodeDhcp, encodeDhcp, noAddress } from "./packet.ts";

const packet = (options: [number, Uint8Array][], changes: Partial<DhcpPacket> = {}): DhcpPacket => ({
  op: 1,
  hops: 0,
  xid: 0xfe1c7ea9,
  secs: 4,
  isBroadcast: true,
  ciaddr: noAddress,
  yiaddr: "10.77.0.11" as Ipv4Address,
  siaddr: "10.77.0.1" as Ipv4Address,
  giaddr: noAddress,
  chaddr: "52:54:00:77:00:11" as MacAddress,
  sname: "bastion",
  file: "undionly.kpxe",
  options: new Map(options),
  ...changes,
});

/** A DHCP payload with these bytes as its options field. */
const withOptions = (...bytes: number[]): Uint8Array =>
  Buffer.concat([encodeDhcp(packet([]), undefined).subarray(0, 240), Buffer.from(bytes)]);

describe("recorded packets", () => {
  test.each([
    ["OVMF's DISCOVER", ovmfDiscover, "discover", "uefi-x64", false],
    ["OVMF's REQUEST", ovmfRequest, "request", "uefi-x64", false],
    ["iPXE's DISCOVER on UEFI", ipxeUefiDiscover, "discover", "uefi-x64", true],
    ["iPXE's DISCOVER on BIOS", ipxeBiosDiscover, "discover", "bios-x86", true],
  ] as const)("%s is understood", (_name, bytes, type, firmware, ipxe) => {
    const { options, chaddr } = decodeDhcp(bytes);
    expect(chaddr).toBe("52:54:00:77:00:11");
    expect(messageType(options)).toBe(type);
    expect(firmwareOf(options)).toBe(firmware);
    expect(isIpxe(options)).toBe(ipxe);
    expect(wantsNetworkBoot(options)).toBe(true);
  });

  test("their fields have their RFCs' meaning", () => {
    const { options, isBroadcast, xid } = decodeDhcp(ovmfRequest);
    expect({ isBroadcast, xid }).toEqual({ isBroadcast: true, xid: 0xcb84255d });
    expect(addressOption(options, optionCode.requestedAddress)).toBe("10.77.0.11");
    expect(addressOption(options, optionCode.serverIdentifier)).toBe("10.77.0.1");
    expect(uint16Option(options, optionCode.maxMessageSize)).toEqual([65280]);
    expect(textOption(options, optionCode.vendorClass)).toBe("PXEClient:Arch:00007:UNDI:003000");
    expect(options.get(optionCode.machineIdentifier)?.length).toBe(17);
  });
});

describe("options", () => {
  test.each([
    ["a bare text, as iPXE sends it", "69505845", ["iPXE"]],
    ["a list with lengths, as RFC 3004 says", "0469505845036c6162", ["iPXE", "lab"]],
    ["a list of one", "0469505845", ["iPXE"]],
    ["lengths that do not add up are text", "0569505845", ["\x05iPXE"]],
    ["a length of zero is text", "00", ["\0"]],
    ["nothing", "", []],
  ])("user class: %s", (_name, hex, classes) => {
    expect(userClasses(new Map([[optionCode.userClass, Buffer.from(hex, "hex")]]))).toEqual(classes);
  });

  test.each([
    [0, "bios-x86"],
    [6, undefined],
    [7, "uefi-x64"],
    [9, "uefi-x64"],
    [11, undefined],
    [15, undefined],
    [16, "uefi-x64"],
  ])("architecture %i is firmware %s", (architecture, firmware) => {
    expect(firmwareOf(new Map([[optionCode.clientArchitecture, Buffer.of(0, architecture)]]))).toBe(firmware);
  });

  test("the first architecture that we know decides when there are several", () => {
    expect(firmwareOf(new Map([[optionCode.clientArchitecture, Buffer.of(0, 11, 0, 7)]]))).toBe("uefi-x64");
  });

  test("an option that is too short for its type is as if it were absent", () => {
    const options = new Map([
      [optionCode.requestedAddress, Buffer.of(10, 77)],
      [optionCode.clientArchitecture, Buffer.of(7)],
      [optionCode.messageType, Buffer.of()],
    ]);
    expect(addressOption(options, optionCode.requestedAddress)).toBeUndefined();
    expect(firmwareOf(options)).toBeUndefined();
    expect(messageType(options)).toBeUndefined();
  });
});

describe("decoding", () => {
  test("what was encoded comes back", () => {
    const original = packet([
      [optionCode.messageType, Buffer.of(2)],
      [optionCode.serverIdentifier, Buffer.of(10, 77, 0, 1)],
    ]);
    expect(decodeDhcp(encodeDhcp(original, undefined))).toEqual(original);
  });

  test("pad bytes between options are skipped and the end option may be missing", () => {
    const { options } = decodeDhcp(withOptions(0, 0, 53, 1, 1, 0, 12, 1, 0x61));
    expect([...options.keys()]).toEqual([53, 12]);
  });

  test("what comes after the end option is not read", () => {
    expect([...decodeDhcp(withOptions(53, 1, 1, 255, 12, 200)).options.keys()]).toEqual([53]);
  });

  test("parts of a long option are joined in the order options, file, sname (RFC 3396)", () => {
    const bytes = Buffer.from(withOptions(52, 1, 3, 43, 1, 0x61, 255));
    bytes.fill(0, 44, 236);
    bytes.set([43, 1, 0x63, 255], 44);
    bytes.set([43, 1, 0x62, 255], 108);
    const decoded = decodeDhcp(bytes);
    expect(textOption(decoded.options, 43)).toBe("abc");
    expect(decoded).toMatchObject({ sname: "", file: "" });
  });

  test("a file name that fills its field has no terminating zero", () => {
    const bytes = Buffer.from(withOptions(255));
    bytes.fill(0x61, 108, 236);
    expect(decodeDhcp(bytes).file).toBe("a".repeat(128));
  });

  test("a truncated option names the option and its offset", () => {
    expect(() => decodeDhcp(withOptions(53, 1, 1, 93, 2, 0))).toThrow(
      "DHCP: option 93 in options at byte 243 needs 2 bytes, 1 are left",
    );
    expect(() => decodeDhcp(withOptions(53))).toThrow("option 53 in options at byte 240 has no length");
  });

  test("a truncated header names the field and its offset", () => {
    expect(() => decodeDhcp(ovmfDiscover.subarray(0, 26))).toThrow(
      "giaddr at byte 24 needs 4 bytes, 2 are left",
    );
    expect(() => decodeDhcp(new Uint8Array())).toThrow("op at byte 0 needs 1 bytes, 0 are left");
  });

  test.each([
    ["another hardware type", 1, 6, "htype 6 with hlen 6 is not Ethernet"],
    ["an address that is no MAC", 2, 16, "htype 1 with hlen 16 is not Ethernet"],
    ["an op that is neither", 0, 3, "op is 3"],
    ["another cookie", 236, 0, "magic cookie"],
  ])("%s is refused", (_name, offset, value, message) => {
    const bytes = Buffer.from(ovmfDiscover);
    bytes[offset] = value;
    expect(() => decodeDhcp(bytes)).toThrow(message);
  });
});

describe("encoding", () => {
  test("a short packet is padded to the 300 bytes that relays ask for", () => {
    expect(encodeDhcp(packet([]), undefined).length).toBe(300);
  });

  test("a value over 255 bytes is split and comes back whole", () => {
    const value = Buffer.alloc(600, "x");
    const bytes = encodeDhcp(packet([[43, value]]), 1500);
    expect([bytes[240], bytes[241], bytes[497], bytes[498]]).toEqual([43, 255, 43, 255]);
    expect(decodeDhcp(bytes).options.get(43)).toEqual(value);
  });

  test("an empty value is still an option", () => {
    expect(decodeDhcp(encodeDhcp(packet([[80, Buffer.of()]]), undefined)).options.get(80)).toEqual(
      Buffer.of(),
    );
  });

  test.each([
    ["nothing was said: 576 less 28 bytes of headers", undefined, 548],
    ["less than every client must take", 300, 548],
    ["the client takes more", 1000, 972],
    ["more than an Ethernet frame, as OVMF claims", 65280, 1472],
  ])("no reply is larger than the client takes: %s", (_name, maximum, limit) => {
    const options = Array.from({ length: 100 }, (_, index): [number, Uint8Array] => [
      100 + index,
      Buffer.alloc(20),
    ]);
    const bytes = encodeDhcp(packet(options), maximum);
    expect(bytes.length).toBeLessThanOrEqual(limit);
    expect(bytes.length).toBeGreaterThan(limit - 22);
    expect(decodeDhcp(bytes).options.size).toBeGreaterThan(10);
  });

  test("an option that does not fit is left out, and a later one that fits is not", () => {
    const bytes = encodeDhcp(
      packet([
        [43, Buffer.alloc(400)],
        [53, Buffer.of(2)],
      ]),
      undefined,
    );
    expect([...decodeDhcp(bytes).options.keys()]).toEqual([53]);
  });
});

describe("whatever the network sends", () => {
  const eat = (bytes: Uint8Array): void => {
    try {
      decodeDhcp(bytes);
    } catch (error) {
      expect(error).toMatchObject({ code: "PACKET_MALFORMED" });
    }
  };

  test("random bytes are decoded or refused by name", () => {
    let seed = 1;
    const random = () => {
      seed = (seed * 1103515245 + 12345) & 0x7fffffff;
      return seed >> 16;
    };
    for (let round = 0; round < 3_000; round += 1) {
      const bytes = Buffer.from(ovmfDiscover);
      for (let change = 0; change < 8; change += 1) bytes[random() % bytes.length] = random() & 0xff;
      eat(bytes);
      eat(Buffer.from(Array.from({ length: random() % 400 }, () => random() & 0xff)));
    }
  });

  test("every truncation is decoded or refused by name", () => {
    for (const bytes of [ovmfDiscover, ipxeUefiDiscover]) {
      for (let length = 0; length < bytes.length; length += 1) eat(bytes.subarray(0, length));
    }
  });

  test("the largest datagram of empty options takes no time", () => {
    const started = performance.now();
    decodeDhcp(withOptions(...Array.from({ length: 65_000 }, (_, index) => (index % 2 === 0 ? 43 : 0))));
    expect(performance.now() - started).toBeLessThan(500);
  });
});
