/** What netplan's keys say: links that refer to each other, addresses, and cards that the machine has. */
import { z } from "zod";
import type { Finding } from "../../errors.ts";
import { hintForName } from "../../nearest.ts";
import type { Machine } from "./machine.ts";
import { isMap, type Place, textOf, textsOf } from "./place.ts";
import { netplanOf } from "./shape-checks.ts";
import type { Check } from "./subject.ts";

/** Maps of devices: what stands in them by name is a device that another one may be made of. */
const deviceTypes = [
  "ethernets",
  "wifis",
  "modems",
  "bridges",
  "bonds",
  "tunnels",
  "vlans",
  "vrfs",
  "dummy-devices",
  "virtual-ethernets",
];

export const checkNetwork: Check = ({ autoinstall, machine }) => {
  const netplan = netplanOf(autoinstall);
  if (netplan === undefined) return [];
  const devices = deviceTypes.flatMap((type) => netplan.at(type).entries());
  const names = devices.map(([name]) => name);
  return [
    ...devices.flatMap(([, device]) => [...checkReferences(device, names), ...checkAddresses(device)]),
    ...(machine === undefined || machine.nics.length === 0
      ? []
      : netplan
          .at("ethernets")
          .entries()
          .flatMap(([name, device]) => checkCard(name, device, machine))),
  ];
};

function checkReferences(device: Place, names: readonly string[]): Finding[] {
  const link = textOf(device.at("link"));
  const references = [
    ...textsOf(device.at("interfaces")),
    ...(link === undefined ? [] : [{ place: device.at("link"), text: link }]),
  ];
  return references
    .filter(({ text }) => !names.includes(text))
    .map(({ place, text }) =>
      place.error(
        "REFERENCE_UNKNOWN",
        `${place.name} refers to ${text}, which network: does not define: netplan refuses all of it, and there is no network`,
        hintForName(text, names),
      ),
    );
}

const bareAddress = z.union([z.ipv4(), z.ipv6()]);
const addressWithPrefix = z.union([z.cidrv4(), z.cidrv6()]);

function checkAddresses(device: Place): Finding[] {
  return textsOf(device.at("addresses"))
    .filter(({ text }) => !addressWithPrefix.safeParse(text).success)
    .map(({ place, text }) =>
      place.error(
        "ADDRESS_UNUSABLE",
        `${place.name} ${text} is not an address with its prefix length: netplan refuses all of it, and there is no network`,
        bareAddress.safeParse(text).success
          ? `Add the length of the subnet's prefix: ${text}/${text.includes(":") ? 64 : 24}`
          : "Write it as 10.0.0.5/24.",
      ),
    );
}

function checkCard(name: string, device: Place, { nics }: Machine): Finding[] {
  const match = device.at("match");
  const cards = nics.map((nic) => `${nic.name} ${nic.mac}`).join(", ");
  const mac = textOf(match.at("macaddress"))?.toLowerCase();
  if (mac !== undefined && !nics.some((nic) => nic.mac === mac)) {
    return [
      match
        .at("macaddress")
        .error(
          "NIC_NOT_FOUND",
          `no card of the machine has the MAC address ${mac}: ${name} stays down`,
          `Its cards: ${cards}`,
        ),
    ];
  }
  const isByName = !isMap(match.value);
  if (!isByName || nics.some((nic) => nic.name === name)) return [];
  return [
    device.error(
      "NIC_NOT_FOUND",
      `the machine has no card ${name}, and nothing else says which one is meant: it stays down`,
      `Add match: {macaddress: …}. Its cards: ${cards}`,
      "key",
    ),
  ];
}
