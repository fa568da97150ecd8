/** netplan's keys, version 2. Source: netplan 1.1, "YAML configuration". It refuses a file with any other key. */
import {
  anything,
  choice,
  either,
  keysOf,
  list,
  map,
  named,
  number,
  type Shape,
  text,
  flag as yamlFlag,
} from "./shape.ts";

const networkKeys =
  "version renderer ethernets wifis modems bridges bonds tunnels vlans vrfs dummy-devices virtual-ethernets nm-devices openvswitch";

/** netplan reads texts and takes these words with and without quotes. */
const flag = either(yamlFlag, choice("true", "false", "yes", "no", "on", "off"));
const scalar = either(text, number, flag);

const overrides = map(
  "stops",
  keysOf(
    "use-dns use-ntp send-hostname use-hostname use-mtu hostname use-routes route-metric use-domains",
    scalar,
  ),
);

const route = map(
  "stops",
  keysOf(
    "from to via on-link metric type scope table mtu congestion-window advertised-receive-window advmss",
    scalar,
  ),
  "to",
);

const policy = map("stops", keysOf("from to table priority mark type-of-service", scalar));

const match = map("stops", { name: text, macaddress: text, driver: either(text, list(text)) });

const common: Readonly<Record<string, Shape>> = {
  ...keysOf("dhcp4 dhcp6 ipv6-privacy optional critical ignore-carrier accept-ra", flag),
  ...keysOf("renderer dhcp-identifier macaddress activation-mode gateway4 gateway6", text),
  ...keysOf("ipv6-mtu mtu", scalar),
  ...keysOf("ipv6-address-generation ipv6-address-token ra-overrides", anything),
  ...keysOf("link-local optional-addresses", list(text)),
  ...keysOf("dhcp4-overrides dhcp6-overrides", overrides),
  addresses: list(either(text, named(map("stops", keysOf("lifetime label", scalar))))),
  nameservers: map("stops", { addresses: list(text), search: list(text) }),
  routes: list(route),
  "routing-policy": list(policy),
  "neigh-suppress": flag,
  ...keysOf("openvswitch networkmanager"),
};

const physical: Readonly<Record<string, Shape>> = {
  ...common,
  match,
  "set-name": text,
  ...keysOf("wakeonlan emit-lldp receive-checksum-offload transmit-checksum-offload", flag),
  ...keysOf("tcp-segmentation-offload tcp6-segmentation-offload generic-segmentation-offload", flag),
  ...keysOf("generic-receive-offload large-receive-offload", flag),
};

const ethernet = map("stops", {
  ...physical,
  auth: anything,
  ...keysOf("link virtual-function-count embedded-switch-mode infiniband-mode", scalar),
  "delay-virtual-functions-rebind": flag,
});

const bondParameters = map(
  "stops",
  keysOf(
    "mode lacp-rate mii-monitor-interval min-links transmit-hash-policy ad-select all-slaves-active all-members-active arp-interval arp-ip-targets arp-validate arp-all-targets up-delay down-delay fail-over-mac-policy gratuitous-arp gratuitious-arp packets-per-slave packets-per-member primary-reselect-policy resend-igmp learn-packet-interval primary",
  ),
);

const bridgeParameters = map(
  "stops",
  keysOf(
    "ageing-time aging-time priority port-priority forward-delay hello-time max-age path-cost stp hairpin port-mac-learning",
  ),
);

export const netplanShape: Shape = map(
  "stops",
  {
    ...keysOf(networkKeys),
    renderer: text,
    version: choice(2),
    ethernets: devices(ethernet),
    bonds: devices(map("stops", { ...common, interfaces: list(text), parameters: bondParameters })),
    bridges: devices(map("stops", { ...common, interfaces: list(text), parameters: bridgeParameters })),
    vlans: devices(map("stops", { ...common, id: scalar, link: text }, "id", "link")),
    wifis: devices(
      map("stops", { ...physical, ...keysOf("access-points wakeonwlan regulatory-domain auth") }),
    ),
    "dummy-devices": devices(map("stops", common)),
    vrfs: devices(map("stops", { ...common, table: scalar, interfaces: list(text) }, "table")),
  },
  "version",
);

/** Beside the devices, a type may name its renderer. */
function devices(device: Shape): Shape {
  return named(either(device, text));
}
