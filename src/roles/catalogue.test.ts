/** The catalogue: which role is meant by a name, and what it is on one system. */
import { describe, expect, test } from "vitest";
import { makeCatalogue } from "./catalogue.ts";
import type { RoleFolder } from "./folder.ts";

function folder(name: string, root: string, texts: Readonly<Record<string, string>>): RoleFolder {
  const files = Object.entries(texts).map(([path, text]) => ({
    path,
    kind: "file" as const,
    text,
    isExecutable: path.endsWith("tool"),
  }));
  return { name, source: `${root}/${name}`, files };
}

describe("ours and theirs", () => {
  const ours = folder("motd", "templates/roles", { "role.yaml": "summary: ours\n" });
  const theirs = folder("motd", "roles", { "role.yaml": "summary: theirs\n" });
  test("a role of the operator replaces ours whole, and that is said", () => {
    const catalogue = makeCatalogue([[ours], [theirs]]);
    expect(catalogue.names).toEqual(["motd"]);
    expect(catalogue.role("motd", "debian-12")?.summary).toBe("theirs");
    expect(catalogue.findings).toMatchObject([
      { code: "ROLE_REPLACED", severity: "warning", where: "roles/motd/role.yaml:1:1" },
    ]);
  });
  test("a broken replacement does not fall back to ours", () => {
    const catalogue = makeCatalogue([[ours], [folder("motd", "roles", { "role.yaml": "sumary: x\n" })]]);
    expect(catalogue.role("motd", "debian-12")).toBeUndefined();
    expect(catalogue.names).toEqual(["motd"]);
    expect(catalogue.findings.filter(({ severity }) => severity === "error")).not.toEqual([]);
  });
  test("no roots, no roles", () => {
    expect(makeCatalogue([[], []])).toMatchObject({ names: [], findings: [] });
  });
});

describe("the more specific system wins", () => {
  const catalogue = makeCatalogue([
    [
      folder("motd", "roles", {
        "role.yaml": `
summary: x
params:
  kex: {type: string, default: compat, description: d}
  list: {type: array, items: {type: string}, default: [a], description: d}
packages: [zz, common]
services:
  - {unit: one.service}
  - {unit: two.service}
firewall: [{direction: in, protocol: tcp, port: 22, peer: bastion, comment: ssh}]
commands: [{name: go, run: general, unless: x}]
fileModes:
  /etc/a: {mode: "0600"}
  /etc/b: {owner: adm, group: adm}
byOs:
  debian:
    packages: [common, family]
    services: [{unit: one.service, state: masked}]
    params: {kex: {default: family}, list: {default: []}}
  debian-13:
    packages: [release]
    commands: [{name: go, run: special, unless: x}, {name: more, run: r, unless: x}]
    firewall: [{direction: in, protocol: tcp, port: 22, peer: anyone, comment: ssh}]
    params: {kex: {default: pq}}
    fileModes: {/etc/a: {mode: "0640"}}
`,
        "files/etc/a": "general",
        "files/etc/b": "general",
        "files/usr/bin/tool": "#!/bin/sh\n",
        "files@debian/etc/a": "family",
        "files@debian-13/etc/a": "release",
        "files@debian-13/etc/c.hbs": "{{os.id}}",
      }),
    ],
  ]);
  const summaryOf = (os: string) => {
    const role = catalogue.role("motd", os);
    return {
      packages: role?.packages,
      services: role?.services.map(({ unit, state }) => `${unit} ${state}`),
      commands: role?.commands.map(({ name, run }) => `${name} ${run}`),
      peers: role?.firewall.map(({ peer }) => peer),
      kex: role?.params.kex?.default,
      list: role?.params.list?.default,
      files: role?.files.map(
        ({ path, content, mode, owner }) => `${path} ${content.trim()} ${mode.toString(8)} ${owner}`,
      ),
    };
  };
  test("the folders have no findings", () => {
    expect(catalogue.findings).toEqual([]);
  });
  test("a system without a part of its own", () => {
    expect(summaryOf("ubuntu-24.04")).toEqual({
      packages: ["common", "zz"],
      services: ["one.service enabled", "two.service enabled"],
      commands: ["go general"],
      peers: ["bastion"],
      kex: "compat",
      list: ["a"],
      files: ["/etc/a general 600 root", "/etc/b general 644 adm", "/usr/bin/tool #!/bin/sh 755 root"],
    });
  });
  test("the family's part", () => {
    expect(summaryOf("debian-12")).toMatchObject({
      packages: ["common", "family", "zz"],
      services: ["one.service masked", "two.service enabled"],
      kex: "family",
      list: [],
      files: ["/etc/a family 600 root", "/etc/b general 644 adm", "/usr/bin/tool #!/bin/sh 755 root"],
    });
  });
  test("the release's part, over the family's", () => {
    expect(summaryOf("debian-13")).toEqual({
      packages: ["common", "family", "release", "zz"],
      services: ["one.service masked", "two.service enabled"],
      commands: ["go special", "more r"],
      peers: ["anyone"],
      kex: "pq",
      list: [],
      files: [
        "/etc/a release 640 root",
        "/etc/b general 644 adm",
        "/usr/bin/tool #!/bin/sh 755 root",
        "/etc/c {{os.id}} 644 root",
      ],
    });
  });
});
