/** A node with two cards as one, and its network behind a VLAN tag: it boots untagged by one card, and lives by both. */
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dyingWithUs } from "../../src/namespace.ts";
import { packageRoot } from "../../src/paths.ts";
import { type StartedProcess, start } from "../../src/run.ts";
import { runChecks } from "../../src/verify/run-checks.ts";
import { runThrough } from "../../src/verify/run-framed.ts";
import { planOf } from "../support/image.ts";
import { lab } from "../support/lab-cluster.ts";
import { tellAsOneStory } from "../support/story.ts";
import { openVmLab, type VmLab } from "../support/vm-lab.ts";

// One machine, in this order.
tellAsOneStory();

const secondMac = "52:54:00:77:01:11";
const link = `{mtu: 1400, vlan: {id: 100}, bond: {mode: active-backup, members: ["${lab.node.mac}", "${secondMac}"]}}`;
const node = lab.node.name;

let vm: VmLab;
let port: StartedProcess | undefined;

/** Puts the switch of two VLANs between the bastion and the others. */
async function putVlanPort({ network }: VmLab): Promise<StartedProcess> {
  const { bastion, switch: board } = network;
  const name = lab.bastionInterface;
  await bastion.ip("link", "del", "dev", name);
  const ready = Promise.withResolvers<void>();
  const [program, ...enter] = board.enter;
  const words = [...dyingWithUs.slice(1), program, ...enter, join(packageRoot, "vm-tests/support/vlan-port")];
  const started = start(dyingWithUs[0], [...words, "vlan-bastion", "vlan-nodes", "100"], {
    onLine: (line) => {
      console.log(`vlan-port: ${line}`);
      if (line === "ready") ready.resolve();
    },
  });
  await Promise.race([ready.promise, started.exited]);
  await board.ip("link", "set", "dev", "vlan-nodes", "master", "br0", "up");
  await board.ip("link", "set", "dev", "vlan-bastion", "netns", String(bastion.pid));
  await bastion.ip("link", "set", "dev", "vlan-bastion", "name", name, "address", "52:54:00:77:00:01");
  await bastion.ip("address", "add", `${lab.bastion}/${lab.prefixLength}`, "dev", name);
  await bastion.ip("link", "set", "dev", name, "up");
  return started;
}

beforeAll(async () => {
  vm = await openVmLab({
    firmware: "bios-x86",
    cluster: { link },
    otherMacs: [secondMac],
  });
  port = await putVlanPort(vm);
  await vm.bastion.start();
});
afterAll(async () => {
  await vm?.close();
  port?.stop("SIGKILL");
});

const onNode = async (script: string): Promise<string> => (await vm.machine.run(script, 60)).stdout.trim();

test("it is installed untagged by the card that boots, and reached by its VLAN", async () => {
  await vm.bastion.imagectl(["arm", node]);
  await vm.machine.boot();
  await vm.untilEvent("deployed", 900);
  await vm.untilEvent("system-reached", 900);
  // All checks at once are more than a switch in perl carries: those of the cards are run below, one by one.
  await vm.bastion.stop();
});

test("the checks of its cards are green", async () => {
  const { checks } = (await planOf(vm.cluster.file)).node;
  const report = await runChecks({
    node,
    checks: checks.filter(({ role }) => role === "network"),
    vantages: {
      node: (script, timeoutSeconds) => vm.machine.run(script, timeoutSeconds),
      bastion: runThrough("the bastion", [...vm.network.bastion.enter, "sh"]),
      outsider: () => Promise.reject(new Error("no outsider stands here")),
    },
    capabilities: new Set(),
    now: () => new Date(),
    onResult: ({ check, outcome, reason }) => console.log(outcome, check.name, reason),
  });
  expect(report.results.length).toBeGreaterThan(8);
  expect(report.results.filter(({ outcome }) => outcome !== "green")).toEqual([]);
});

test("the address is on the VLAN, on the bond, on both cards; all carry 1400 bytes", async () => {
  expect(await onNode("ip -o -4 address show scope global | awk '{ print $2, $4 }'")).toBe(
    `vlan100 ${lab.node.address}/24`,
  );
  expect(await onNode("ip -d link show dev vlan100")).toMatch(/vlan100@uplink.* mtu 1400 .*802\.1Q id 100/s);
  expect(await onNode("cat /sys/class/net/uplink/bonding/mode /sys/class/net/uplink/mtu")).toBe(
    "active-backup 1\n1400",
  );
  const cards = await onNode("cat /sys/class/net/uplink/lower_*/bonding_slave/perm_hwaddr | sort");
  expect(cards).toBe(`${lab.node.mac}\n${secondMac}`);
  // What lies below has no address of its own, not even a link-local one.
  expect(await onNode("ip -o address show dev uplink")).toBe("");
});

/** On the node: this card and no other is without power. A cable that is pulled on the host is not seen by QEMU. */
const setCard = (mac: string, state: "up" | "down"): string =>
  `for card in /sys/class/net/uplink/lower_*; do
    ! grep -qx ${mac} "$card/bonding_slave/perm_hwaddr" || ip link set dev "\${card##*lower_}" ${state}
  done; sleep 1`;

test("it is reached although either card is dead", async () => {
  const cards = [
    { mac: lab.node.mac, tap: `tap-${node}` },
    { mac: secondMac, tap: `tap-${node}-1` },
  ];
  for (const { mac, tap } of cards) {
    await vm.machine.run(setCard(mac, "down"), 60);
    await vm.network.setCable(tap, "down");
    expect((await vm.sshAs("alice", ["hostname"])).stdout, mac).toBe("node1\n");
    expect(await onNode("cat /sys/class/net/uplink/lower_*/bonding_slave/mii_status | sort")).toBe(
      "down\nup",
    );
    await vm.network.setCable(tap, "up");
    await vm.machine.run(setCard(mac, "up"), 60);
  }
  expect(await onNode("cat /sys/class/net/uplink/lower_*/bonding_slave/mii_status")).toBe("up\nup");
});
