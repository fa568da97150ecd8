import { expect, test } from "vitest";
import { Ipv4Address, MacAddress } from "../address.ts";
import type { ClusterConfig } from "../cluster/config.ts";
import type { Attempt } from "../nodes/attempts.ts";
import type { EventBody } from "../nodes/event.ts";
import { openBootLog } from "./boot-log.ts";

const mac = MacAddress.parse("52:54:00:77:00:11");
const stranger = MacAddress.parse("52:54:00:99:99:99");
const ownMac = MacAddress.parse("52:54:00:77:00:01");
const address = Ipv4Address.parse("10.77.0.11");

function open(isLive: boolean) {
  const lines: string[] = [];
  const events: EventBody[] = [];
  const later: (() => void)[] = [];
  const log = openBootLog({
    cluster: () => ({ nodes: [{ name: "node1", mac, address }] }) as unknown as ClusterConfig,
    latestAttempt: () => ({ id: 1, state: { isLive } }) as unknown as Attempt,
    minRamMiBOf: () => 640,
    append: (_id, body) => events.push(body),
    log: (subject, text) => lines.push(`${subject} ${text}`),
    ownMac,
    later: (work) => later.push(work),
  });
  const settle = (): void => {
    for (const work of later.splice(0)) work();
  };
  return { log, lines, events, settle };
}

const offered = {
  kind: "replied",
  type: "ack",
  mac,
  address,
  bootFile: "ipxe.efi",
  decision: "deploy",
} as const;

test("what belongs to a live attempt becomes an event, after the answer has gone out", () => {
  const { log, lines, events, settle } = open(true);
  log.dhcp(offered);
  log.bootRoute({ kind: "script-served", mac, script: "deploy", attemptId: 1 });
  expect(events).toEqual([]);
  settle();
  expect(events).toEqual([
    { kind: "boot-offered", bootFile: "ipxe.efi" },
    { kind: "boot-script-served", script: "deploy" },
  ]);
  expect(lines).toEqual([]);
});

test("a script that we failed to make is an event of the attempt; one that was refused is a line", () => {
  const { log, lines, events, settle } = open(true);
  const refused = { kind: "script-not-served", mac, address: "10.77.0.9", message: "m" } as const;
  log.bootRoute({ ...refused, reason: "not-the-nodes-address" });
  log.bootRoute({ ...refused, reason: "failed", message: "a blob was changed" });
  settle();
  expect(lines).toEqual(["node1 got no boot script (10.77.0.9): m"]);
  expect(events).toEqual([
    { kind: "server-failed", request: "the boot script", message: "a blob was changed" },
  ]);
});

test("a node without a live attempt that restarts leaves lines and no events", () => {
  const { log, lines, events, settle } = open(false);
  log.dhcp(offered);
  log.bootRoute({ kind: "script-served", mac, script: "local-disk" });
  settle();
  expect(events).toEqual([]);
  expect(lines).toEqual([
    "node1 asks what to boot: offered ipxe.efi",
    "node1 not armed: was sent to its local disk",
  ]);
});

test("one exchange is told once: an offer is not, its ACK is", () => {
  const { log, lines, events, settle } = open(true);
  log.dhcp({ ...offered, type: "offer" });
  settle();
  expect([...events, ...lines]).toEqual([]);
});

test("a stranger is called by its MAC; our own probe is not a stranger", () => {
  const { log, lines } = open(true);
  log.dhcp({ kind: "not-answered", mac: stranger, reason: "unknown-mac" });
  log.dhcp({ kind: "not-answered", mac: ownMac, reason: "unknown-mac" });
  expect(lines).toEqual([
    "52:54:00:99:99:99 DHCP: no answer (unknown-mac): it asks what to boot, and no node of the cluster file has this MAC address",
  ]);
});

test("a transfer by TFTP says who took what, how long it took and what was lost", () => {
  const { log, lines } = open(true);
  const peer = { address: "10.77.0.11", port: 1069 };
  log.tftp({ kind: "size-asked", peer, filename: "ipxe.efi" });
  log.tftp({ kind: "sent", peer, filename: "ipxe.efi", bytes: 273_000, seconds: 0.4, resentBlocks: 2 });
  expect(lines).toEqual(["node1 TFTP: took ipxe.efi, 273 kB in 0.4 s, 2 blocks sent again"]);
});
