/** TFTP packets: bytes <-> value. RFC 1350 (packets), RFC 2347 (options). */
import { malformed, readDatagram } from "../datagram-reader.ts";

/** Option names are lower case; values are what the client wrote. */
export type TftpOptions = ReadonlyMap<string, string>;

export type TftpRequest = {
  readonly kind: "read" | "write";
  readonly filename: string;
  /** Lower case: `octet`, `netascii`, `mail`. */
  readonly mode: string;
  readonly options: TftpOptions;
};

export type TftpPacket =
  | TftpRequest
  | { readonly kind: "data"; readonly block: number; readonly data: Uint8Array }
  | { readonly kind: "ack"; readonly block: number }
  | { readonly kind: "error"; readonly code: number; readonly message: string }
  | { readonly kind: "oack"; readonly options: TftpOptions };

const opcodes = { read: 1, write: 2, data: 3, ack: 4, error: 5, oack: 6 } as const;

/** RFC 1350 appendix, RFC 2347 (8). */
export const tftpErrors = {
  undefined: 0,
  fileNotFound: 1,
  accessViolation: 2,
  illegalOperation: 4,
  unknownTransferId: 5,
  optionsRefused: 8,
} as const;

/**
 * Turns one UDP payload into a TFTP packet.
 * @throws ImagectlError PACKET_MALFORMED, naming the field that was cut off.
 */
export function decodeTftp(bytes: Uint8Array): TftpPacket {
  const reader = readDatagram("TFTP", bytes);
  const opcode = reader.uint16("opcode");
  switch (opcode) {
    case opcodes.read:
    case opcodes.write:
      return {
        kind: opcode === opcodes.read ? "read" : "write",
        filename: reader.zeroTerminated("filename"),
        mode: reader.zeroTerminated("mode").toLowerCase(),
        options: readOptions(reader),
      };
    case opcodes.data:
      return { kind: "data", block: reader.uint16("block"), data: reader.bytes(reader.remaining(), "data") };
    case opcodes.ack:
      return { kind: "ack", block: reader.uint16("block") };
    case opcodes.error: {
      const code = reader.uint16("error code");
      // Some ROMs leave out the message or its zero; what they mean is in the code.
      const message = Buffer.from(reader.bytes(reader.remaining(), "message")).toString("latin1");
      return { kind: "error", code, message: message.split("\0")[0] ?? "" };
    }
    case opcodes.oack:
      return { kind: "oack", options: readOptions(reader) };
    default:
      throw malformed("TFTP", `opcode ${opcode} is none of 1 to 6`);
  }
}

function readOptions(reader: ReturnType<typeof readDatagram>): TftpOptions {
  const options = new Map<string, string>();
  while (reader.remaining() > 0) {
    const name = reader.zeroTerminated("option name").toLowerCase();
    // ROMs pad their requests with zeros.
    if (name === "") break;
    options.set(name, reader.zeroTerminated(`value of option ${name}`));
  }
  return options;
}

export function encodeTftp(packet: TftpPacket): Uint8Array {
  switch (packet.kind) {
    case "read":
    case "write":
      return Buffer.concat([
        numbers(opcodes[packet.kind]),
        zeroTerminated(packet.filename, packet.mode, ...[...packet.options].flat()),
      ]);
    case "data":
      return Buffer.concat([numbers(opcodes.data, packet.block), packet.data]);
    case "ack":
      return numbers(opcodes.ack, packet.block);
    case "error":
      return Buffer.concat([numbers(opcodes.error, packet.code), zeroTerminated(packet.message)]);
    case "oack":
      return Buffer.concat([numbers(opcodes.oack), zeroTerminated(...[...packet.options].flat())]);
    default:
      return packet satisfies never;
  }
}

function numbers(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2);
  values.forEach((value, index) => {
    bytes.writeUInt16BE(value, index * 2);
  });
  return bytes;
}

function zeroTerminated(...texts: readonly string[]): Buffer {
  return Buffer.from(texts.map((text) => `${text}\0`).join(""), "latin1");
}
