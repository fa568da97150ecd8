/** What makes no plan: each reason with its place, all of them together. */
import { describe, expect, test } from "vitest";
import { ImagectlError } from "../errors.ts";
import { checkPlans, planNode } from "./make.ts";
import { clusterText, type Folders, input, roles } from "./test-cluster.ts";

describe("a system's own installer", () => {
  const installed = (more = ""): string =>
    clusterText
      .replace("method: golden\n", `method: installer\n${more === "" ? "" : `    ${more}\n`}`)
      .replace("    disk: {match: {minSize: 1TB}}\n", "");

  test("is one way onto the disk", () => {
    expect(checkPlans(input(roles, installed()))).toEqual([]);
    const source = { proxy: "http://10.77.0.1:3142" };
    const { node } = planNode(input(roles, installed(`installer: {proxy: "${source.proxy}"}`)), "node1");
    expect(node).toMatchObject({ method: "installer", installer: source });
  });

  test.each([
    ["disk: {match: {}, mirror: {match: {}}}", "on one disk, and not on a mirror"],
    ["restart: kexec", "is restarted by kexec"],
  ])("what it cannot do is refused: %s", (line, message) => {
    const findings = checkPlans(input(roles, installed(line)));
    expect(findings).toContainEqual(
      expect.objectContaining({
        code: "METHOD_UNSERVED",
        severity: "error",
        message: expect.stringContaining(message),
      }),
    );
  });
});

describe("a system whose installer comes as an ISO", () => {
  const findingsFor = (os: string, method = "golden") =>
    checkPlans({
      ...input(
        roles,
        clusterText.replace("os: debian-12", `os: ${os}`).replace("method: golden", `method: ${method}`),
      ),
      operatingSystems: ["debian-12", "ubuntu-24.04"],
      installedSystems: ["ubuntu-24.04", "ubuntu-26.04"],
    });

  test("is warned of where that installer is wanted, since no ISO was at hand", () => {
    expect(findingsFor("ubuntu-24.04")).toEqual([]);
    expect(findingsFor("ubuntu-24.04", "installer")).toContainEqual(
      expect.objectContaining({ code: "INSTALLER_UNPROVED", severity: "warning" }),
    );
  });

  test("is refused as a golden image where no recipe makes one", () => {
    expect(findingsFor("ubuntu-26.04")).toEqual([
      expect.objectContaining({
        code: "METHOD_UNSERVED",
        hint: expect.stringContaining("method: installer"),
      }),
    ]);
  });
});

describe("a role that is for other systems", () => {
  const hintFor = (systems: string, os: string) => {
    const zero = { ...roles.zero, "role.yaml": `${roles.zero?.["role.yaml"] ?? ""}systems: [${systems}]\n` };
    const findings = checkPlans({
      ...input({ ...roles, zero }, clusterText.replaceAll("os: debian-12", `os: ${os}`)),
      operatingSystems: ["ubuntu-24.04", "debian-12", "debian-13"],
    });
    return findings.find(({ code }) => code === "ROLE_UNSUITABLE")?.hint;
  };

  test("names one that there is a recipe for, also where a family is meant", () => {
    expect(hintFor("debian", "ubuntu-24.04")).toContain("set-os gpu debian-12, or take zero out");
  });

  test("names none where there is none", () => {
    expect(hintFor("fedora", "debian-12")).toBe("Take zero out of groups.gpu.roles");
  });
});

describe("what is refused", () => {
  const withRole = (role: string, texts: Readonly<Record<string, string>>): Folders => ({
    ...roles,
    [role]: { ...roles[role], ...texts },
  });
  const third = (texts: Readonly<Record<string, string>>): [Folders, string] => [
    { ...roles, zzz: { "role.yaml": "summary: x\n", ...texts } },
    clusterText.replaceAll(/roles: \[(.*)\]/g, "roles: [$1, zzz]"),
  ];
  const zeroYaml = roles.zero?.["role.yaml"] ?? "";
  const archive = `archives: [{name: a, uri: "https://a.example", suite: ./, key: keys/a.asc}]\n`;
  const publicKey = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n";
  const fileParam = "params: {tool: {type: file, description: what it needs}}\n";

  test.each<[string, [Folders, string], string, string, string]>([
    [
      "an unknown role",
      [roles, clusterText.replace("[hello, zero]", "[hello, zero, helo]")],
      "ROLE_UNKNOWN",
      "c.yaml:12:26",
      "hello",
    ],
    [
      "an unknown system",
      [roles, clusterText.replace("    os: debian-12", "    os: debian-11")],
      "OS_UNKNOWN",
      "c.yaml:10:9",
      "debian-12",
    ],
    [
      "an unknown system of one node",
      [roles, clusterText.replace("10.77.0.11, group: gpu}", "10.77.0.11, group: gpu, os: debian-11}")],
      "OS_UNKNOWN",
      "c.yaml:19:72",
      "debian-12",
    ],
    [
      "an unknown parameter",
      [roles, clusterText.replace("{word: hi}}\n", "{wrod: hi}}\n")],
      "PARAM_INVALID",
      "c.yaml:13:28",
      "word",
    ],
    [
      "a parameter of the wrong type",
      [roles, clusterText.replace("{word: hi}}\n", "{word: 5}}\n")],
      "PARAM_INVALID",
      "c.yaml:13:28",
      "hello",
    ],
    [
      "a role that is needed and not listed",
      [roles, clusterText.replace("[hello, zero]", "[hello]")],
      "ROLE_NEED_MISSING",
      "c.yaml:12:13",
      "zero",
    ],
    [
      "a role that is for another system",
      [withRole("zero", { "role.yaml": `${zeroYaml}systems: [debian-13]\n` }), clusterText],
      "ROLE_UNSUITABLE",
      "c.yaml:12:20",
      "debian-13",
    ],
    [
      "a role that is compiled into an image, on machines without one",
      [
        withRole("zero", { "role.yaml": `${zeroYaml}buildPackages: [gcc]\n` }),
        clusterText.replace("method: golden", "method: none"),
      ],
      "ROLE_UNSUITABLE",
      "c.yaml:12:20",
      "zero",
    ],
    [
      "a file that the cluster file does not name",
      [withRole("zero", { "role.yaml": `${zeroYaml}${fileParam}` }), clusterText],
      "PARAM_INVALID",
      "c.yaml:12:20",
      "groups.gpu.params: {zero: {tool: {path: FILE, sha256: DIGEST}}}",
    ],
    [
      "a file without a digest",
      [
        withRole("zero", { "role.yaml": `${zeroYaml}${fileParam}` }),
        clusterText.replace("{word: hi}}\n", "{word: hi}, zero: {tool: a.sh}}\n"),
      ],
      "PARAM_INVALID",
      "c.yaml:13:46",
      "what it needs",
    ],
    [
      "a role with a file, on machines without an image",
      [
        withRole("zero", { "role.yaml": `${zeroYaml}${fileParam}` }),
        clusterText
          .replace("{word: hi}}\n", `{word: hi}, zero: {tool: {path: a.sh, sha256: "${"0".repeat(64)}"}}}\n`)
          .replace("method: golden", "method: none"),
      ],
      "ROLE_UNSUITABLE",
      "c.yaml:12:20",
      "zero",
    ],
    [
      "roles that need each other",
      [withRole("zero", { "role.yaml": `${zeroYaml}needs: [hello]\n` }), clusterText],
      "ROLE_CYCLE",
      "c.yaml:12:5",
      "role.yaml",
    ],
    [
      "two owners of a path",
      third({ "files@debian/etc/motd": "" }),
      "PLAN_CONFLICT",
      "roles/zzz/files@debian/etc/motd:1:1",
      "needs",
    ],
    [
      "a file below a file",
      third({ "files/etc/motd/x": "" }),
      "PLAN_CONFLICT",
      "roles/zzz/files/etc/motd/x:1:1",
      "needs",
    ],
    [
      "two owners of a package",
      third({ "role.yaml": "summary: x\npackages: [zlib]\n" }),
      "PLAN_CONFLICT",
      "roles/zzz/role.yaml:2:12",
      "needs",
    ],
    [
      "two owners of an archive",
      [
        {
          ...roles,
          zero: { ...roles.zero, "role.yaml": `${zeroYaml}${archive}`, "keys/a.asc": publicKey },
          zzz: { "role.yaml": `summary: x\n${archive}`, "keys/a.asc": publicKey },
        },
        clusterText.replaceAll(/roles: \[(.*)\]/g, "roles: [$1, zzz]"),
      ],
      "PLAN_CONFLICT",
      "roles/zzz/role.yaml:2:12",
      "needs",
    ],
    [
      "packages of others, on machines without an image",
      [
        withRole("zero", { "role.yaml": `${zeroYaml}${archive}`, "keys/a.asc": publicKey }),
        clusterText.replace("method: golden", "method: none"),
      ],
      "ROLE_UNSUITABLE",
      "c.yaml:12:20",
      "zero",
    ],
    [
      "two owners of a unit",
      third({ "role.yaml": "summary: x\nservices: [{unit: hello.service}]\n" }),
      "PLAN_CONFLICT",
      "roles/zzz/role.yaml:2:12",
      "needs",
    ],
    [
      "two owners of a port",
      third({
        "role.yaml":
          "summary: x\nfirewall: [{direction: in, protocol: tcp, port: 22, peer: anyone, comment: y}]\n",
      }),
      "PLAN_CONFLICT",
      "roles/zzz/role.yaml:2:12",
      "needs",
    ],
    [
      "a name that the view does not have",
      third({ "files/etc/x.hbs": "a\n{{node.hostnam}}\n" }),
      "TEMPLATE_UNKNOWN_NAME",
      "roles/zzz/files/etc/x.hbs:2:3",
      "hostname",
    ],
    [
      "another role's parameter",
      third({ "files/etc/x.hbs": "{{params.word}}\n" }),
      "TEMPLATE_UNKNOWN_NAME",
      "roles/zzz/files/etc/x.hbs:1:3",
      "Remove",
    ],
    [
      "a broken template in a command",
      third({ "role.yaml": "summary: x\ncommands:\n  - {name: a, run: '{{#if x}}', unless: b}\n" }),
      "TEMPLATE_INVALID",
      "roles/zzz/role.yaml:3:5",
      "docs/roles.md",
    ],
    [
      "a broken template in a check",
      third({
        "checks.yaml":
          "- name: c\n  from: node\n  run: x\n  expect: {stdout: {equals: '{{nodee}}'}}\n  fault: {remove: /x}\n",
      }),
      "TEMPLATE_UNKNOWN_NAME",
      "roles/zzz/checks.yaml:1:3",
      "node",
    ],
    [
      "a command that watches what nobody writes",
      third({ "role.yaml": "summary: x\ncommands: [{name: a, run: b, onChange: [/etc/mtod]}]\n" }),
      "ROLE_NEVER_ACTS",
      "roles/zzz/role.yaml:2:12",
      "files/etc/mtod",
    ],
    [
      "a service that watches what nobody writes",
      third({ "role.yaml": "summary: x\nservices: [{unit: t.service, onChange: [/etc/mtod]}]\n" }),
      "ROLE_NEVER_ACTS",
      "roles/zzz/role.yaml:2:12",
      "files/etc/mtod",
    ],
    [
      "a node's command that watches the image alone",
      third({
        "role.yaml": "summary: x\ncommands: [{name: a, run: '{{node.mac}}', onChange: [/etc/motd]}]\n",
      }),
      "ROLE_NEVER_ACTS",
      "roles/zzz/role.yaml:2:12",
      "unless",
    ],
    [
      "a broken role, also one that no group lists",
      [{ ...roles, broken: { "role.yaml": "sumary: x\n" } }, clusterText],
      "KEY_UNKNOWN",
      "roles/broken/role.yaml:1:1",
      "summary",
    ],
  ])("%s", (_name, [folders, text], code, where, hint) => {
    const given = input(folders, text);
    const found = checkPlans(given).filter((finding) => finding.code === code && finding.where === where);
    expect(found.map((finding) => finding.hint).join("\n")).toContain(hint);
    expect(found).toHaveLength(1);
    const failure = (): unknown => planNode(given, "node1");
    expect(failure).toThrow(
      expect.objectContaining({ code: "PLAN_INVALID", findings: expect.arrayContaining(found) }),
    );
  });

  test("several problems come together, each once however many nodes have it", () => {
    const [folders, text] = third({ "files/etc/motd": "", "files/etc/x.hbs": "{{node.hostnam}}" });
    const codes = checkPlans(input(folders, text)).map(({ code }) => code);
    expect(codes.sort()).toEqual(["PLAN_CONFLICT", "TEMPLATE_UNKNOWN_NAME"]);
  });
  test("a good cluster has no findings", () => {
    expect(checkPlans(input())).toEqual([]);
  });
  test("an unknown node, with the nearest name", () => {
    expect(() => planNode(input(), "node11")).toThrow(ImagectlError);
    expect(() => planNode(input(), "node11")).toThrow(
      expect.objectContaining({ code: "NODE_UNKNOWN", hint: "Did you mean: node1" }),
    );
  });
});
