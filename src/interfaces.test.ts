/** What is said of an interface on which nodes cannot be served, and that the command mends just that. */
import { expect, test } from "vitest";
import { complainAboutInterface, type InterfaceFact, readInterfaces } from "./interfaces.ts";

const address = "10.77.0.1";
const wanted = { name: "eth1", address, prefixLength: 24 };
const good: InterfaceFact = {
  name: "eth1",
  mac: "52:54:00:77:00:01",
  isUp: true,
  hasCarrier: true,
  addresses: [{ address, prefixLength: 24 }],
};
const give = "sudo ip address add 10.77.0.1/24 dev eth1";
const up = "sudo ip link set eth1 up";

test("nothing is wrong with one that is up and has the address", () => {
  expect(complainAboutInterface(wanted, [good])).toBeUndefined();
});

test.each([
  ["not there", [], "does not exist", "bastion.interface"],
  ["without the address", [{ ...good, addresses: [] }], "does not have the address 10.77.0.1", `${give};`],
  // `ip address add` fails where the address is there already, and an `&&` would end the line before the link is up.
  ["down, with the address", [{ ...good, isUp: false, hasCarrier: false }], "is down", `${up};`],
  [
    "down, without the address",
    [{ ...good, isUp: false, hasCarrier: false, addresses: [] }],
    "does not have the address",
    `${give} && ${up};`,
  ],
  [
    "of another name",
    [
      { ...good, addresses: [] },
      { ...good, name: "eth2" },
    ],
    "eth2 has it",
    "to eth2 in",
  ],
  ["without a link", [{ ...good, hasCarrier: false }], "has no link", "cable"],
])("%s", (_name, interfaces, message, hint) => {
  const complaint = complainAboutInterface(wanted, interfaces);
  expect(complaint?.message).toContain(message);
  expect(complaint?.hint).toContain(hint);
});

test("this machine's loopback is read as it is", async () => {
  const own = (await readInterfaces()).find(({ name }) => name === "lo");
  expect(own).toMatchObject({ isUp: true, addresses: [{ address: "127.0.0.1", prefixLength: 8 }] });
});
