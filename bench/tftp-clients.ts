/**
 * Many TFTP clients at once, for bench/tftp.ts: each gets one file and checks it.
 * Usage: node bench/tftp-clients.ts ADDRESS FILE SHA256 CLIENTS WINDOW. Prints {seconds, whole, failed} as JSON.
 */
import { createHash } from "node:crypto";
import { createSocket } from "node:dgram";
import { decodeTftp, encodeTftp, type TftpPacket } from "../src/pxe/tftp/packet.ts";

/** Fills an Ethernet frame with room for a VLAN tag and IP options; what ROMs ask for. */
const blockBytes = 1428;
/** How long a client waits before it repeats what it said last, and how often. Milliseconds. A patient client: UEFI's are 1 s and 5. */
const repeatMs = 1_000;
const mostRepeats = 10;

type Answer = { readonly isWhole: boolean };

function fetchOne(address: string, file: string, sha256: string, windowBlocks: number): Promise<Answer> {
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    const received: Uint8Array[] = [];
    let peerPort = 69;
    let agreed = { blockBytes: 512, windowBlocks: 1 };
    let inWindow = 0;
    let repeats = 0;
    const options = new Map([
      ["blksize", String(blockBytes)],
      ...(windowBlocks > 1 ? [["windowsize", String(windowBlocks)] as const] : []),
    ]);
    let last: TftpPacket = { kind: "read", filename: file, mode: "octet", options };
    const say = (packet: TftpPacket): void => {
      last = packet;
      socket.send(encodeTftp(packet), peerPort, address);
      timer.refresh();
    };
    const end = (isWhole: boolean): void => {
      clearInterval(timer);
      socket.close();
      resolve({ isWhole });
    };
    const timer = setInterval(() => {
      repeats += 1;
      if (repeats > mostRepeats) return end(false);
      inWindow = 0;
      say(last.kind === "read" ? last : { kind: "ack", block: received.length & 0xffff });
    }, repeatMs);
    const takeData = (block: number, data: Uint8Array): void => {
      if (block !== ((received.length + 1) & 0xffff)) {
        inWindow = 0;
        // Without windows an old block means that the ACK of it was lost; it was said again by the timer.
        if (agreed.windowBlocks > 1) say({ kind: "ack", block: received.length & 0xffff });
        return;
      }
      repeats = 0;
      received.push(data);
      inWindow += 1;
      const isLast = data.length < agreed.blockBytes;
      if (!isLast && inWindow < agreed.windowBlocks) return void timer.refresh();
      inWindow = 0;
      say({ kind: "ack", block: received.length & 0xffff });
      if (!isLast) return;
      end(createHash("sha256").update(Buffer.concat(received)).digest("hex") === sha256);
    };
    socket.on("message", (bytes, from) => {
      const packet = decodeTftp(bytes);
      if (packet.kind === "error") return end(false);
      peerPort = from.port;
      if (packet.kind === "oack") {
        const number = (name: string, otherwise: number) => Number(packet.options.get(name) ?? otherwise);
        agreed = { blockBytes: number("blksize", 512), windowBlocks: number("windowsize", 1) };
        if (received.length === 0) say({ kind: "ack", block: 0 });
      }
      if (packet.kind === "data") takeData(packet.block, packet.data);
    });
    socket.on("error", () => end(false));
    socket.bind(0, () => say(last));
  });
}

const [address, file, sha256, clientsText, windowText] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
];
const startedMs = performance.now();
const answers = await Promise.all(
  Array.from({ length: Number(clientsText) }, () => fetchOne(address, file, sha256, Number(windowText))),
);
const whole = answers.filter((answer) => answer.isWhole).length;
const seconds = (performance.now() - startedMs) / 1_000;
process.stdout.write(`${JSON.stringify({ seconds, whole, failed: answers.length - whole })}\n`);
