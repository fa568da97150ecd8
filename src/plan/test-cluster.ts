/** A small cluster with two roles, for the tests of plans. Touches no disk. */
import { parseCluster, requireCluster } from "../cluster/parse.ts";
import { makeCatalogue } from "../roles/catalogue.ts";
import type { PlanInput } from "./make.ts";

export const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL94sKb+UTAp8fPsUYnQcq+qnwHFRsQXPr4cv2e0tZiG";
const trust = { agentKey: "ssh-ed25519 AGENT", hostCaKey: "ssh-ed25519 CA" };

export type Folders = Readonly<Record<string, Readonly<Record<string, string>>>>;

export const roles: Folders = {
  hello: {
    "role.yaml": `
summary: says hello
params:
  word: {type: string, default: hello, description: d}
needs: [zero]
packages: [motd-tools]
services:
  - {unit: hello.service, onChange: [/etc/motd, /etc/node]}
firewall: [{direction: in, protocol: tcp, port: 22, peer: bastion, comment: ssh}]
commands:
  - {name: on both, run: "b", onChange: [/etc/motd, /etc/node]}
  - {name: on the node's file, run: "n", onChange: [/etc/node]}
  - {name: for one node, run: "echo {{node.hostname}}", onChange: [/etc/motd, /etc/node]}
  - {name: always, run: "a {{params.word}}", unless: "u {{os.version}}"}
  - {name: always for a node, run: a, unless: "u {{network.subnet}}"}
validators:
  - {name: v, run: "v", paths: [/etc/motd, /etc/node]}
`,
    "checks.yaml": `
- name: greets
  from: bastion
  run: "ssh {{node.fqdn}} cat /etc/motd"
  expect: {stdout: {equals: "{{params.word}}"}, stderr: {lacks: "{{os.id}}"}}
  fault: {run: "rm /{{params.word}}", undo: "touch /{{params.word}}"}
`,
    "files/etc/motd.hbs": "{{params.word}} on {{os.id}}, {{os.family}} {{os.version}}\n",
    "files/etc/plain": "{{not a template}}\n",
    "files/etc/node.hbs":
      "{{node.fqdn}} {{node.mac}} {{node.address}}/{{node.prefixLength}} {{bastion.agentKey}} {{bastion.hostCaKey}}\n",
    "files/etc/kernel.hbs": "{{#each node.kernelArguments}}{{this}} {{/each}}\n",
    "files/etc/hosts.hbs":
      "{{bastion.address}} {{bastion.fqdn}}\n{{#each all.nodes}}\n{{address}} {{fqdn}} {{hostname}}\n{{/each}}\n",
    "files/etc/users.hbs":
      "{{#each all.users}}\n{{name}} {{uid}} {{#if isAdmin}}admin{{/if}} {{#each keys}}{{this}};{{/each}}\n{{/each}}\nadmins:{{#each all.admins}} {{name}}{{/each}}\n",
    "files/etc/net.hbs":
      "{{network.subnet}} {{network.netmask}} {{network.domain}}{{#if network.hasGateway}} via {{network.gateway}}{{/if}}{{#if network.hasDns}}{{#each network.dns}} {{this}}{{/each}}{{/if}}\n",
    "files/etc/group.hbs": "{{group.name}}\n",
    "files/etc/rules.hbs":
      "{{#each all.firewall.in}}in {{protocol}} {{port}} {{peerAddress}} {{role}}\n{{/each}}{{#each all.firewall.out}}out {{protocol}} {{port}} {{peerAddress}}{{#if isBastionOnly}}!{{/if}} {{comment}}\n{{/each}}",
  },
  zero: {
    "role.yaml":
      "summary: comes first\npackages: [zlib, attr]\nfirewall: [{direction: out, protocol: udp, port: 67, peer: anyone, comment: dhcp}]\ncommands: [{name: z, run: z, unless: z}]\n",
  },
};

export const clusterText = `
cluster: lab
network: {subnet: 10.77.0.0/24, domain: cluster, dns: [10.77.0.1], gateway: 10.77.0.1, outsider: 10.77.0.250}
bastion: {hostname: bastion, address: 10.77.0.1, interface: eth1}
users:
  carol: {uid: 10002, admin: true, keys: ["${key} c"]}
  alice: {uid: 10001, keys: ["${key} a", "${key} b"]}
groups:
  gpu:
    os: debian-12
    method: golden
    roles: [hello, zero]
    params: {hello: {word: hi}}
    kernelArguments: ["console=ttyS0", "quiet"]
    disk: {match: {minSize: 1TB}}
  cpu: {os: debian-12, method: golden, roles: [zero, hello], params: {hello: {word: hi}}}
nodes:
  node2: {mac: 52:54:00:77:00:12, address: 10.77.0.12, group: gpu, disk: {match: {serial: X}}}
  node1: {mac: 52:54:00:77:00:11, address: 10.77.0.11, group: gpu}
  node3: {mac: 52:54:00:77:00:13, address: 10.77.0.13, group: cpu}
`;

export function input(folders: Folders = roles, text = clusterText): PlanInput {
  const parsed = parseCluster(text, "c.yaml");
  const list = Object.entries(folders).map(([name, texts]) => ({
    name,
    source: `roles/${name}`,
    files: Object.entries(texts).map(([path, source]) => ({
      path,
      kind: "file" as const,
      text: source,
      isExecutable: false,
    })),
  }));
  return {
    cluster: requireCluster(parsed, "c.yaml"),
    roles: makeCatalogue([list]),
    trust,
    operatingSystems: ["debian-12", "debian-13"],
    makeSeed: () => ({ files: [], findings: [] }),
    where: parsed.where,
  };
}
