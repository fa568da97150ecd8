/** A node's cards: its own with another MTU, one for storage, and one that the cluster file has and the machine not. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { packageRoot } from "../../src/paths.ts";
import { type BootedLab, openBootedLab } from "../support/booted-lab.ts";
import { lab, wholeCluster } from "../support/lab-cluster.ts";

const storage = "52:54:00:77:02:11";
const storageLine = `storage: {mac: "${storage}", address: 10.88.0.11/24, mtu: 9000}`;
const absent = 'mac: "52:54:00:77:03:11", address: 10.99.0.11/24';
const options = { ...wholeCluster, link: "{mtu: 1400}", nics: `{${storageLine}, fabric: {${absent}}}` };

let booted: BootedLab;
beforeAll(async () => {
  booted = await openBootedLab(options, [storage]);
});
afterAll(() => booted?.close());

async function onNode(script: string): Promise<string> {
  return (await booted.host.run(script, 30)).stdout.trim();
}

const addressesOf = (card: string): Promise<string> =>
  onNode(`ip -o -4 address show dev ${card} | awk '{ print $4 }'`);

/** What the role's check of the other cards says now. */
async function judgeOtherCards(): Promise<string> {
  const check = (await booted.plan()).node.checks.find(({ name }) => name.startsWith("the other cards"));
  return onNode(check?.run ?? "echo there is no such check");
}

describe("a node with several cards", () => {
  test("its own card sends packets of the link's size and no larger ones", async () => {
    // An answer is as large as its question: what is too large comes back in two pieces.
    const piecesOf = (payload: number) =>
      booted.vantages.bastion(
        `before=$(nstat -asz IpReasmReqds | awk '/Reasm/ { print $2 }')
ping -n -c 1 -W 3 -s ${payload} ${lab.node.address} >/dev/null || echo lost
echo $(($(nstat -asz IpReasmReqds | awk '/Reasm/ { print $2 }') - before))`,
        20,
      );
    expect(await onNode("cat /sys/class/net/eth0/mtu")).toBe("1400");
    expect((await piecesOf(1372)).stdout).toBe("0\n");
    expect((await piecesOf(1373)).stdout).toBe("2\n");
  });

  test("the other card has its address and its MTU", async () => {
    expect(await addressesOf("eth1")).toBe("10.88.0.11/24");
    expect(await onNode("cat /sys/class/net/eth1/mtu")).toBe("9000");
    expect(await addressesOf("eth0")).toBe(`${lab.node.address}/24`);
    expect(await judgeOtherCards()).toBe("");
  });

  test("whoever waits for the network does not wait for the card that is not there", async () => {
    const unit = "systemd-networkd-wait-online.service";
    const started = performance.now();
    expect((await booted.host.run(`systemctl restart ${unit}`, 60)).exitCode).toBe(0);
    // The wait's own end is at 30 s, and it would be a failure.
    expect(performance.now() - started).toBeLessThan(20_000);
    expect(await onNode(`systemctl show -p Result --value ${unit}`)).toBe("success");
  });

  test("a required card that is not there is told; an optional one is not", async () => {
    booted.cluster.rewrite({ ...options, nics: `{${storageLine}, fabric: {${absent}, required: true}}` });
    expect(await booted.apply()).toMatchObject({ exitCode: 0 });
    expect(await judgeOtherCards()).toBe("fabric: no card has 52:54:00:77:03:11");
  });

  test("a card that leaves the cluster file loses its address, by apply alone", async () => {
    booted.cluster.rewrite({ ...options, nics: "{}" });
    expect(await booted.apply()).toMatchObject({ exitCode: 0 });
    await expect.poll(() => addressesOf("eth1"), { timeout: 10_000 }).toBe("");
    expect(await onNode("ls /etc/systemd/network | grep 40- || echo none")).toBe("none");
    expect(await booted.apply()).toMatchObject({ stdout: "nothing to change\n" });
  });
});

/** This kernel may have neither bonds nor VLANs: that networkd reads the files whole is all that is proved here. */
test.each(["lacp-vlan", "active-backup", "vlan"])(
  "networkd understands every line of the files for %s, and skips the empty ones",
  async (name) => {
    const cases = join(packageRoot, "templates/roles/network/cases");
    const files = [
      "10-imagectl.network",
      "20-imagectl-bond.netdev",
      "20-imagectl-bond.network",
      "30-imagectl-vlan.netdev",
      "30-imagectl-vlan.network",
    ];
    const writes = files.map((file) => {
      // A card of another machine: the node keeps its network.
      const text = readFileSync(join(cases, `${name}.etc-systemd-network-${file}`), "utf8").replaceAll(
        "52:54:00:77:00:",
        "52:54:00:99:00:",
      );
      return `cat >/run/systemd/network/${file.replace("imagectl", "trial")} <<'END'\n${text}END\n`;
    });
    const shown = await onNode(
      `mkdir -p /run/systemd/network; cursor=$(journalctl -n0 --show-cursor | sed -n 's/^-- cursor: //p')
${writes.join("")}networkctl reload; sleep 1; journalctl -q --no-pager -o cat --after-cursor="$cursor" -u systemd-networkd
rm -f /run/systemd/network/*-trial*; networkctl reload`,
    );
    const complaints = shown
      .split("\n")
      .filter((line) => /\/run\/systemd\/network/.test(line) && !/Operation not supported/.test(line));
    expect(complaints).toEqual([]);
  },
);

test("a line that networkd does not understand would be seen", async () => {
  const shown = await onNode(
    `cursor=$(journalctl -n0 --show-cursor | sed -n 's/^-- cursor: //p'); mkdir -p /run/systemd/network
printf '[Match]\\nName=nobody\\n[Link]\\nMTUBites=5\\n' >/run/systemd/network/10-trial.network
networkctl reload; sleep 1; journalctl -q --no-pager -o cat --after-cursor="$cursor" -u systemd-networkd
rm /run/systemd/network/10-trial.network; networkctl reload`,
  );
  expect(shown).toMatch(/10-trial\.network:4: Unknown key.*MTUBites/);
});
