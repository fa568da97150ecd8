/** What DHCP, TFTP and the boot route did, as log lines and as events of the attempts that it belongs to. */
import type { MacAddress } from "../address.ts";
import type { ClusterConfig } from "../cluster/config.ts";
import type { Attempt } from "../nodes/attempts.ts";
import type { EventBody } from "../nodes/event.ts";
import type { NoAnswerReason } from "../pxe/dhcp/answer.ts";
import type { DhcpEvent } from "../pxe/dhcp/server.ts";
import type { BootRouteEvent } from "../pxe/http/boot-route.ts";
import type { TftpEvent } from "../pxe/tftp/server.ts";
import { formatBytes, formatSeconds } from "../quantity.ts";
import type { Log, LogLevel } from "./log.ts";

export type BootLogDependencies = {
  readonly cluster: () => ClusterConfig;
  readonly latestAttempt: (node: string) => Attempt | undefined;
  /** What the deploy environment of the attempt's image needs; 0 when its manifest is not at hand. */
  readonly minRamMiBOf: (attemptId: number) => number;
  /** Appends an event; its log line is written by whoever listens to events. */
  readonly append: (attemptId: number, body: EventBody) => void;
  /** Repeated lines are kept back: any machine on the wire can cause these. */
  readonly log: Log;
  /** Hardware address of our own interface: the server hears its own question for other servers. */
  readonly ownMac: MacAddress;
  /** Runs `work` after what is being done now: answers go out before events are written to the disk. */
  readonly later: (work: () => void) => void;
};

/** What a person at a rack looks for when a machine does not appear. */
const explained: Partial<Record<NoAnswerReason, string>> = {
  "unknown-mac": ": it asks what to boot, and no node of the cluster file has this MAC address",
  "unsupported-firmware": ": its image has nothing that starts on its firmware",
};

export type BootLog = {
  dhcp(event: DhcpEvent): void;
  tftp(event: TftpEvent): void;
  bootRoute(event: BootRouteEvent): void;
};

export function openBootLog(dependencies: BootLogDependencies): BootLog {
  const { log, later, latestAttempt, append } = dependencies;
  const nameOf = (mac: MacAddress): string | undefined =>
    dependencies.cluster().nodes.find((node) => node.mac === mac)?.name;
  const who = (mac: MacAddress): string => nameOf(mac) ?? mac;
  const nodeAt = (address: string): string =>
    dependencies.cluster().nodes.find((node) => node.address === address)?.name ?? address;

  /** An event while the node has a live attempt; otherwise a line: a ready node that reboots fills no database. */
  const note = (mac: MacAddress, body: EventBody, text: string): void =>
    later(() => {
      const node = nameOf(mac);
      const attempt = node === undefined ? undefined : latestAttempt(node);
      if (attempt?.state.isLive === true) append(attempt.id, body);
      else log(node ?? mac, text);
    });

  return {
    dhcp: (event) => {
      switch (event.kind) {
        case "replied":
          if (event.type === "nak") return log(who(event.mac), "DHCP: refused the address that it asked for");
          if (event.type !== "ack") return;
          if (event.bootFile === undefined) {
            return log(who(event.mac), `DHCP: has the address ${event.address}`);
          }
          return note(
            event.mac,
            { kind: "boot-offered", bootFile: event.bootFile },
            `asks what to boot: offered ${event.bootFile}`,
          );
        case "not-answered":
          if (event.mac === dependencies.ownMac) return;
          return log(who(event.mac), `DHCP: no answer (${event.reason})${explained[event.reason] ?? ""}`);
        case "address-conflict":
          return log(who(event.mac), `DHCP: somebody else uses ${event.address}`, "warning");
        case "malformed":
          return log(event.from, `DHCP: ${event.message}`, "warning");
        case "socket-failed":
          return log("serve", `DHCP: ${event.message}`, "error");
        default:
          return event satisfies never;
      }
    },
    tftp: (event) => {
      if (event.kind === "socket-failed") return log("serve", `TFTP: ${event.message}`, "error");
      const line = tftpLine(event);
      if (line !== undefined) log(nodeAt(event.peer.address), `TFTP: ${line.text}`, line.level);
    },
    bootRoute: (event) => {
      switch (event.kind) {
        case "script-served":
          if (event.script === "refused") {
            return log(who(event.mac), "boots with a firmware that its image does not support", "warning");
          }
          return note(
            event.mac,
            { kind: "boot-script-served", script: event.script },
            "not armed: was sent to its local disk",
          );
        case "too-small": {
          const { memoryMiB } = event;
          const requiredMiB = dependencies.minRamMiBOf(event.attemptId);
          return note(
            event.mac,
            { kind: "machine-too-small", memoryMiB, requiredMiB },
            `says that it has only ${memoryMiB} MiB of memory`,
          );
        }
        case "script-not-served": {
          const text = `got no boot script (${event.address}): ${event.message}`;
          if (event.reason !== "failed") return log(who(event.mac), text, "warning");
          const { message } = event;
          return note(event.mac, { kind: "server-failed", request: "the boot script", message }, text);
        }
        default:
          return event satisfies never;
      }
    },
  };
}

/** @returns undefined for what every boot does and nobody needs to read. */
function tftpLine(
  event: Exclude<TftpEvent, { kind: "socket-failed" }>,
): { readonly text: string; readonly level: LogLevel } | undefined {
  switch (event.kind) {
    case "sent": {
      const resent = event.resentBlocks === 0 ? "" : `, ${event.resentBlocks} blocks sent again`;
      const size = `${formatBytes(event.bytes)} in ${formatSeconds(event.seconds)}`;
      return { text: `took ${event.filename}, ${size}${resent}`, level: "info" };
    }
    case "size-asked":
      return undefined;
    case "not-sent":
    case "refused":
    case "busy":
      return { text: `${event.filename}: ${event.reason}`, level: "warning" };
    case "malformed":
      return { text: event.message, level: "warning" };
    default:
      return event satisfies never;
  }
}
