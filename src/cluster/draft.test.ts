import { expect, test } from "vitest";
import type { Ipv4Address, MacAddress } from "../address.ts";
import { type Draft, draftView } from "./draft.ts";

const draft = (network: string, prefixLength: number, address: string, nodes: number): Draft => ({
  name: "lab",
  domain: "cluster",
  interface: "eth1",
  address: address as Ipv4Address,
  subnet: { network: network as Ipv4Address, prefixLength },
  user: "kim",
  keys: [],
  os: "debian-12",
  roles: ["a", "b"],
  bastionGroup: undefined,
  nodes: Array.from({ length: nodes }, (_unused, index) => ({
    name: `node${index + 1}`,
    mac: "52:54:00:77:00:11" as MacAddress,
  })),
  guide: "g",
  schema: "s",
});

test.each([
  [
    "a /24: nodes from .11 on, the outsider at the end",
    draft("10.1.2.0", 24, "10.1.2.1", 2),
    ["10.1.2.11", "10.1.2.12"],
    "10.1.2.254",
  ],
  [
    "the bastion's address is nobody else's",
    draft("10.1.2.0", 24, "10.1.2.11", 1),
    ["10.1.2.12"],
    "10.1.2.254",
  ],
  ["the bastion at the end", draft("10.1.2.0", 24, "10.1.2.254", 1), ["10.1.2.11"], "10.1.2.253"],
  ["a small network", draft("10.1.2.8", 29, "10.1.2.9", 2), ["10.1.2.10", "10.1.2.11"], "10.1.2.14"],
  ["a huge network", draft("10.0.0.0", 8, "10.0.0.1", 1), ["10.0.0.11"], "10.255.255.254"],
])("%s", (_name, given, nodes, outsider) => {
  const view = draftView(given);
  const addresses = (view.nodes as { address: string }[]).map(({ address }) => address);
  expect([addresses, view.outsider]).toEqual([nodes, outsider]);
});

test("a network without room is refused", () => {
  expect(() => draftView(draft("10.1.2.0", 30, "10.1.2.1", 1))).toThrow(
    "10.1.2.0/30 has no free address left",
  );
});

test("a bastion that is kept has its group in the view, with parameters on one line", () => {
  const bastionGroup = { name: "bastion", os: "debian-12", roles: ["a", "c"], params: { a: { open: true } } };
  expect(draftView({ ...draft("10.1.2.0", 24, "10.1.2.1", 0), bastionGroup }).bastionGroup).toEqual({
    isKept: true,
    name: "bastion",
    os: "debian-12",
    roles: "a, c",
    params: '{"a":{"open":true}}',
  });
});
