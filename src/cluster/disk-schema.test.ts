/** `disk:` of the cluster file: what it becomes, and what may not stand there. */
import { describe, expect, test } from "vitest";
import { parseCluster } from "./parse.ts";

function parse(disk: string) {
  return parseCluster(
    `cluster: lab
network: {subnet: 10.77.0.0/24, domain: cluster, dns: [], outsider: 10.77.0.250}
bastion: {hostname: bastion, address: 10.77.0.1, interface: eth1}
users: {}
groups:
  gpu:
    os: debian-12
    method: golden
    roles: []
    disk: ${disk}
nodes:
  node1: {mac: "52:54:00:77:00:11", address: 10.77.0.11, group: gpu}
`,
    "cluster.yaml",
  );
}

const diskOf = (text: string) => parse(text).cluster?.groups[0]?.disk;

test.each<[string, string, unknown]>([
  ["one disk", "{match: {}}", { match: {} }],
  [
    "two disks for one system",
    "{match: {model: A*}, mirror: {match: {model: A*, maxSize: 1TB}}}",
    { match: { model: "A*" }, mirror: { match: { model: "A*", maxBytes: 1e12 } } },
  ],
  [
    "a data disk is kept unless the file says otherwise",
    "{match: {serial: A}, data: [{match: {serial: B}, mount: /srv/data}]}",
    { match: { serial: "A" }, data: [{ match: { serial: "B" }, mount: "/srv/data", policy: "keep" }] },
  ],
  [
    "what is made is ext4 unless the file says otherwise",
    `{match: {serial: A}, data: [{match: {serial: B}, mount: /srv/tmp, policy: wipe},
      {match: {serial: C}, mount: /scratch, policy: scratch, filesystem: xfs}]}`,
    {
      match: { serial: "A" },
      data: [
        { match: { serial: "B" }, mount: "/srv/tmp", policy: "wipe", filesystem: "ext4" },
        { match: { serial: "C" }, mount: "/scratch", policy: "scratch", filesystem: "xfs" },
      ],
    },
  ],
])("%s", (_name, text, expected) => {
  expect(parse(text).findings).toEqual([]);
  expect(diskOf(text)).toEqual(expected);
});

describe("each thing that is wrong is said at its line", () => {
  const data = (entry: string) => `{match: {serial: A}, data: [${entry}]}`;
  test.each<[string, string, string]>([
    ["a data disk that nothing names", data("{match: {}, mount: /srv/a}"), "at least one line"],
    ["a data disk without a place", data("{match: {serial: B}}"), "mount"],
    ["a mount point that is relative", data("{match: {serial: B}, mount: srv/a}"), "absolute path"],
    ["a mount point that climbs", data("{match: {serial: B}, mount: /srv/../etc}"), "absolute path"],
    ["a mount point with a blank", data('{match: {serial: B}, mount: "/srv/a b"}'), "absolute path"],
    ["the root", data("{match: {serial: B}, mount: /}"), "absolute path"],
    ["a folder of the system", data("{match: {serial: B}, mount: /var/lib/docker}"), "the system's"],
    ["the homes, which the node layer makes", data("{match: {serial: B}, mount: /home}"), "the system's"],
    ["a policy that there is not", data("{match: {serial: B}, mount: /srv/a, policy: format}"), "policy"],
    [
      "a file system that there is not",
      data("{match: {serial: B}, mount: /srv/a, policy: wipe, filesystem: zfs}"),
      "ext4",
    ],
    [
      "a file system for what is kept",
      data("{match: {serial: B}, mount: /srv/a, filesystem: xfs}"),
      "is kept",
    ],
    [
      "one place for two disks",
      data("{match: {serial: B}, mount: /srv/a}, {match: {serial: C}, mount: /srv/a}"),
      "two data disks are mounted at /srv/a",
    ],
    ["a mirror without a match", "{match: {}, mirror: {}}", "mirror"],
    ["a key that there is not", "{match: {}, raid: 1}", "raid"],
  ])("%s", (_name, text, said) => {
    const { cluster, findings } = parse(text);
    expect(cluster).toBeUndefined();
    expect(findings).not.toEqual([]);
    expect(findings.map(({ where, message, hint }) => `${where} ${message} ${hint}`).join()).toContain(said);
    for (const { where } of findings) expect(where).toMatch(/^cluster\.yaml:10:/);
  });
});
