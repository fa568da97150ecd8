import { describe, expect, test } from "vitest";
import { decodeTftp, encodeTftp, type TftpPacket } from "./packet.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1");

/** OVMF 2022.11 asks for the size of snponly.efi; recorded with tcpdump. */
const ovmfSizeRequest = bytes("\0\x01snponly.efi\0octet\0tsize\x000\0blksize\x001468\0windowsize\x004\0");

describe("packets", () => {
  test.each<[string, TftpPacket, string]>([
    [
      "a read request",
      { kind: "read", filename: "ipxe.efi", mode: "octet", options: new Map([["blksize", "1468"]]) },
      "\0\x01ipxe.efi\0octet\0blksize\x001468\0",
    ],
    [
      "a write request",
      { kind: "write", filename: "x", mode: "octet", options: new Map() },
      "\0\x02x\0octet\0",
    ],
    ["data", { kind: "data", block: 65535, data: bytes("abc") }, "\0\x03\xff\xffabc"],
    ["the empty last block", { kind: "data", block: 2, data: bytes("") }, "\0\x03\0\x02"],
    ["an acknowledgement", { kind: "ack", block: 258 }, "\0\x04\x01\x02"],
    ["an error", { kind: "error", code: 1, message: "no such file" }, "\0\x05\0\x01no such file\0"],
    ["an option acknowledgement", { kind: "oack", options: new Map([["tsize", "5"]]) }, "\0\x06tsize\x005\0"],
  ])("%s has the bytes of its RFC and comes back from them", (_name, packet, wire) => {
    expect(Buffer.from(encodeTftp(packet)).toString("latin1")).toBe(wire);
    const decoded = decodeTftp(bytes(wire));
    expect({ ...decoded, data: undefined }).toEqual({ ...packet, data: undefined });
    if (decoded.kind === "data" && packet.kind === "data") {
      expect(Buffer.compare(decoded.data, packet.data)).toBe(0);
    }
  });

  test("a recorded request of UEFI is understood", () => {
    expect(decodeTftp(ovmfSizeRequest)).toEqual({
      kind: "read",
      filename: "snponly.efi",
      mode: "octet",
      options: new Map([
        ["tsize", "0"],
        ["blksize", "1468"],
        ["windowsize", "4"],
      ]),
    });
  });

  test("mode and option names are compared without case", () => {
    expect(decodeTftp(bytes("\0\x01a\0OCTET\0BlkSize\x00512\0"))).toMatchObject({
      mode: "octet",
      options: new Map([["blksize", "512"]]),
    });
  });

  test("zeros after the request are padding", () => {
    expect(decodeTftp(bytes("\0\x01a\0octet\0\0\0\0\0"))).toMatchObject({ options: new Map() });
  });

  test("an error without its message or its zero is an error all the same", () => {
    expect(decodeTftp(bytes("\0\x05\0\x08"))).toEqual({ kind: "error", code: 8, message: "" });
    expect(decodeTftp(bytes("\0\x05\0\0bye"))).toEqual({ kind: "error", code: 0, message: "bye" });
  });
});

describe("what is cut short is named", () => {
  test.each([
    ["nothing at all", "", "opcode at byte 0 needs 2 bytes, 0 are left"],
    ["one byte", "\0", "opcode at byte 0 needs 2 bytes, 1 are left"],
    ["no file name", "\0\x01", "filename at byte 2 has no terminating zero"],
    ["no mode", "\0\x01a\0oct", "mode at byte 4 has no terminating zero"],
    ["an option without value", "\0\x01a\0octet\0tsize\0", ""],
    ["an option cut off", "\0\x01a\0octet\0tsi", "option name at byte 10 has no terminating zero"],
    ["an acknowledgement of nothing", "\0\x04\0", "block at byte 2 needs 2 bytes, 1 are left"],
    ["an opcode that there is not", "\0\x09", "opcode 9 is none of 1 to 6"],
  ])("%s", (_name, wire, message) => {
    expect(() => decodeTftp(bytes(wire))).toThrow(expect.objectContaining({ code: "PACKET_MALFORMED" }));
    expect(() => decodeTftp(bytes(wire))).toThrow(message);
  });

  test("random bytes and every truncation are decoded or refused by name", () => {
    let seed = 7;
    const random = () => {
      seed = (seed * 1103515245 + 12345) & 0x7fffffff;
      return seed >> 16;
    };
    const samples = Array.from({ length: 5_000 }, () => {
      const changed = Buffer.from(ovmfSizeRequest).subarray(0, random() % (ovmfSizeRequest.length + 1));
      for (let change = 0; change < 4 && changed.length > 0; change += 1)
        changed[random() % changed.length] = random() & 0xff;
      return changed;
    });
    for (const sample of [
      ...samples,
      ...Array.from(ovmfSizeRequest, (_, length) => ovmfSizeRequest.subarray(0, length)),
    ]) {
      try {
        decodeTftp(sample);
      } catch (error) {
        expect(error).toMatchObject({ code: "PACKET_MALFORMED" });
      }
    }
  });
});
