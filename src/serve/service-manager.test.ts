import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Ipv4Subnet } from "../address.ts";
import { packageRoot } from "../paths.ts";
import { addressWarning, privateNetworks } from "./service-manager.ts";

const asService = { NOTIFY_SOCKET: "/run/systemd/notify" };
const subnet = (text: string) => Ipv4Subnet.parse(text);

test.each(["10.77.0.0/24", "172.31.4.0/24", "192.168.1.0/24", "100.100.0.0/16"])(
  "nodes in %s are let through by the unit",
  (text) => {
    expect(addressWarning(subnet(text), asService)).toBeUndefined();
  },
);

test.each(["203.0.113.0/24", "172.32.0.0/24", "11.0.0.0/8"])("of nodes in %s it has to be told", (text) => {
  expect(addressWarning(subnet(text), asService)).toContain(`IPAddressAllow=${text} by systemctl edit`);
  expect(addressWarning(subnet(text), {}), "started by hand").toBeUndefined();
});

test("the unit lets through exactly what this says", () => {
  const unit = readFileSync(join(packageRoot, "packaging/imagectl.service"), "utf8");
  const allowed = [...unit.matchAll(/^IPAddressAllow=(.*)$/gm)].flatMap((match) =>
    (match[1] as string).split(" "),
  );
  const networks = allowed.filter((word) => /^[0-9.]+\/([0-9]|[12][0-9])$/.test(word));
  expect(networks).toEqual([...privateNetworks]);
});
