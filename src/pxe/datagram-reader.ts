/** Reads a datagram field by field; the first field that is cut short is named, so nobody forgets a length check. */
import { type Ipv4Address, ipv4FromNumber } from "../address.ts";
import { ImagectlError } from "../errors.ts";

/** @returns the error for a datagram that breaks its RFC. `what` names the field and what is wrong with it. */
export function malformed(protocol: string, what: string): ImagectlError {
  return new ImagectlError("PACKET_MALFORMED", `${protocol}: ${what}`, {
    hint: "It was dropped. If it comes again, record it: tcpdump -ni any -w boot.pcap 'port 67 or port 68 or port 69'",
  });
}

export type DatagramReader = {
  /** Bytes from the beginning of the datagram. */
  offset(): number;
  remaining(): number;
  uint8(field: string): number;
  /** Network byte order. */
  uint16(field: string): number;
  uint32(field: string): number;
  ipv4(field: string): Ipv4Address;
  /** A copy: it stays true when the socket uses its buffer again. */
  bytes(count: number, field: string): Uint8Array;
  /** Latin-1 up to a zero byte, which is consumed. */
  zeroTerminated(field: string): string;
};

/** @throws (from each method) ImagectlError PACKET_MALFORMED, naming the field that was cut off and its offset. */
export function readDatagram(protocol: string, datagram: Uint8Array): DatagramReader {
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  let position = 0;
  const advance = (count: number, field: string): number => {
    const start = position;
    if (start + count > datagram.length) {
      throw malformed(
        protocol,
        `${field} at byte ${start} needs ${count} bytes, ${datagram.length - start} are left`,
      );
    }
    position += count;
    return start;
  };
  const uint32 = (field: string): number => view.getUint32(advance(4, field));
  const bytes = (count: number, field: string): Uint8Array => {
    const start = advance(count, field);
    return datagram.slice(start, start + count);
  };
  return {
    offset: () => position,
    remaining: () => datagram.length - position,
    uint8: (field) => view.getUint8(advance(1, field)),
    uint16: (field) => view.getUint16(advance(2, field)),
    uint32,
    ipv4: (field) => ipv4FromNumber(uint32(field)),
    bytes,
    zeroTerminated: (field) => {
      const end = datagram.indexOf(0, position);
      if (end < 0) throw malformed(protocol, `${field} at byte ${position} has no terminating zero`);
      const text = latin1(bytes(end - position, field));
      position = end + 1;
      return text;
    },
  };
}

export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}
