/** Role folders: what they become, and what is said about each thing that can be wrong in one. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { packageRoot } from "../paths.ts";
import type { FolderFile, RoleFolder } from "./folder.ts";
import { parseRole } from "./parse.ts";

type Sources = Readonly<Record<string, string | Partial<FolderFile>>>;

function folder(sources: Sources): RoleFolder {
  const files = Object.entries(sources).map(([path, source]): FolderFile => {
    const part = typeof source === "string" ? { text: source } : source;
    return { path, kind: "file", text: "", isExecutable: false, ...part };
  });
  return { name: "motd", source: "roles/motd", files };
}

const publicKey = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n…\n-----END PGP PUBLIC KEY BLOCK-----\n";

const check = `- name: a claim
  from: node
  run: "true"
  expect: {exit: 0}
  fault: {remove: /etc/motd}
`;

const good: Sources = {
  "role.yaml": "summary: says hello\n",
  "checks.yaml": check,
  "files/etc/motd.hbs": "{{node.hostname}}\n",
};

describe("a good role", () => {
  test("files lie at their paths, templates without their ending", () => {
    const { definition, findings } = parseRole(
      folder({
        ...good,
        "files@debian-12/etc/motd": "twelve\n",
        "files/usr/bin/hello": { text: "#!/bin/sh\n", isExecutable: true },
      }),
    );
    expect(findings).toEqual([]);
    expect(
      definition?.files.map(({ level, path, isTemplate, isExecutable }) => [
        level,
        path,
        isTemplate,
        isExecutable,
      ]),
    ).toEqual([
      ["", "/etc/motd", true, false],
      ["debian-12", "/etc/motd", false, false],
      ["", "/usr/bin/hello", false, true],
    ]);
  });
  test("what is left out has a default", () => {
    expect(parseRole(folder(good)).definition).toMatchObject({
      yaml: { params: {}, needs: [], packages: [], services: [], firewall: [], commands: [], validators: [] },
      checks: [{ gate: true, needs: [], timeoutSeconds: 20, fault: { kind: "remove", path: "/etc/motd" } }],
    });
  });
  test("its things have places", () => {
    const roleYaml = "summary: x\npackages: [one]\nbyOs:\n  debian-12:\n    packages: [two]\n";
    expect(parseRole(folder({ ...good, "role.yaml": roleYaml })).definition?.places).toEqual({
      "package one": "roles/motd/role.yaml:2:12",
      "package two": "roles/motd/role.yaml:5:16",
      "check a claim": "roles/motd/checks.yaml:1:3",
    });
  });
  test("cases, tests and a README may lie beside it", () => {
    const extra = { "cases/a.view.json": "{}", "motd.test.ts": "", "README.md": "" };
    expect(parseRole(folder({ ...good, ...extra })).findings).toEqual([]);
  });
  test("an archive of others has the key that the folder has for it", () => {
    const roleYaml = `summary: x\narchives: [{name: tools, uri: "https://a.example/deb", suite: ./, key: keys/tools.asc}]\n`;
    const { definition, findings } = parseRole(
      folder({ ...good, "role.yaml": roleYaml, "keys/tools.asc": publicKey }),
    );
    expect(findings).toEqual([]);
    expect(definition?.keys.get("keys/tools.asc")).toBe(publicKey);
    expect(definition?.places).toMatchObject({ "archive tools": "roles/motd/role.yaml:2:12" });
  });
  test("docs/roles.md shows a role and checks that are good", () => {
    const page = readFileSync(join(packageRoot, "docs/roles.md"), "utf8");
    const [roleYaml = "", checksYaml = ""] = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(
      (match) => match[1] ?? "",
    );
    const { definition, findings } = parseRole(
      folder({ "role.yaml": roleYaml, "checks.yaml": checksYaml, "files/etc/motd.hbs": "" }),
    );
    expect(findings).toEqual([]);
    expect(definition?.yaml.commands).toHaveLength(2);
    expect(definition?.checks).toHaveLength(1);
  });
});

describe("each thing that is wrong in a role.yaml has a code and a place", () => {
  const command = "commands:\n  - {name: a, run: b, unless: c}\n";
  test.each([
    ["no summary", "packages: []\n", "KEY_MISSING", "1:1"],
    ["an unknown key", "summary: x\npackage: []\n", "KEY_UNKNOWN", "2:1"],
    ["a package that is an option", "summary: x\npackages: [-o]\n", "VALUE_INVALID", "2:12"],
    ["a unit without its type", "summary: x\nservices: [{unit: ssh}]\n", "VALUE_INVALID", "2:19"],
    ["an unknown state", "summary: x\nservices: [{unit: ssh.service, state: on}]\n", "VALUE_INVALID", "2:39"],
    [
      "a port above 65535",
      "summary: x\nfirewall: [{direction: in, protocol: tcp, port: 65536, peer: bastion, comment: x}]\n",
      "VALUE_INVALID",
      "2:49",
    ],
    [
      "a rule for everyone's neighbours",
      "summary: x\nfirewall: [{direction: in, protocol: tcp, port: 1, peer: all, comment: x}]\n",
      "VALUE_INVALID",
      "2:58",
    ],
    [
      "a rule without its port",
      "summary: x\nfirewall: [{direction: in, protocol: tcp, peer: bastion, comment: x}]\n",
      "KEY_MISSING",
      "2:12",
    ],
    [
      "one port of the group",
      "summary: x\nfirewall: [{direction: in, port: 1, peer: group, comment: x}]\n",
      "VALUE_INVALID",
      "2:34",
    ],
    [
      "a command that would run every time",
      "summary: x\ncommands: [{name: a, run: b}]\n",
      "VALUE_INVALID",
      "2:12",
    ],
    [
      "a command with both conditions",
      "summary: x\ncommands: [{name: a, run: b, unless: c, onChange: [/a]}]\n",
      "VALUE_INVALID",
      "2:12",
    ],
    [
      "a command that watches nothing",
      "summary: x\ncommands: [{name: a, run: b, onChange: []}]\n",
      "VALUE_INVALID",
      "2:30",
    ],
    ["a command twice", `summary: x\n${command}  - {name: a, run: x, unless: y}\n`, "DUPLICATE", "4:5"],
    [
      "a relative path",
      "summary: x\ncommands: [{name: a, run: b, onChange: [etc/a]}]\n",
      "VALUE_INVALID",
      "2:41",
    ],
    [
      "a path that climbs",
      "summary: x\ncommands: [{name: a, run: b, onChange: [/etc/../a]}]\n",
      "VALUE_INVALID",
      "2:41",
    ],
    [
      "a path with a space",
      "summary: x\ncommands: [{name: a, run: b, onChange: [/etc/a b]}]\n",
      "VALUE_INVALID",
      "2:41",
    ],
    [
      "a validator without paths",
      "summary: x\nvalidators: [{name: a, run: b, paths: []}]\n",
      "VALUE_INVALID",
      "2:32",
    ],
    [
      "an empty script",
      "summary: x\nvalidators: [{name: a, run: ' ', paths: [/a]}]\n",
      "VALUE_INVALID",
      "2:29",
    ],
    [
      "a mode that is a number",
      "summary: x\nfileModes: {/etc/motd: {mode: 0600}}\n",
      "VALUE_INVALID",
      "2:31",
    ],
    ["a set-uid mode", 'summary: x\nfileModes: {/etc/motd: {mode: "4755"}}\n', "VALUE_INVALID", "2:31"],
    [
      "the mode of a file that is not there",
      "summary: x\nfileModes: {/etc/mtod: {owner: root}}\n",
      "ROLE_FOLDER_INVALID",
      "2:13",
    ],
    [
      "a parameter without a default",
      "summary: x\nparams: {a: {type: string, description: d}}\n",
      "KEY_MISSING",
      "2:10",
    ],
    [
      "a file with a default",
      "summary: x\nparams: {a: {type: file, default: /etc/motd, description: d}}\n",
      "VALUE_INVALID",
      "2:35",
    ],
    [
      "a file with values",
      "summary: x\nparams: {a: {type: file, enum: [x], description: d}}\n",
      "VALUE_INVALID",
      "2:26",
    ],
    [
      "another default for a file",
      "summary: x\nparams: {a: {type: file, description: d}}\nbyOs: {debian: {params: {a: {default: x}}}}\n",
      "VALUE_INVALID",
      "3:39",
    ],
    [
      "a default of another type",
      "summary: x\nparams: {a: {type: integer, default: b, description: d}}\n",
      "VALUE_INVALID",
      "2:38",
    ],
    [
      "a default outside the enum",
      "summary: x\nparams: {a: {type: string, enum: [x], default: b, description: d}}\n",
      "VALUE_INVALID",
      "2:48",
    ],
    [
      "an array without items",
      "summary: x\nparams: {a: {type: array, default: [], description: d}}\n",
      "VALUE_INVALID",
      "2:10",
    ],
    [
      "items of a scalar",
      "summary: x\nparams: {a: {type: string, items: {type: string}, default: b, description: d}}\n",
      "VALUE_INVALID",
      "2:28",
    ],
    [
      "an archive whose key is not there",
      "summary: x\narchives: [{name: a, uri: 'https://a.example', suite: ./, key: keys/a.asc}]\n",
      "ROLE_FOLDER_INVALID",
      "2:64",
    ],
    [
      "a flat archive with components",
      "summary: x\narchives: [{name: a, uri: 'https://a.example', suite: ./, components: [main], key: keys/a.asc}]\n",
      "VALUE_INVALID",
      "2:55",
    ],
    [
      "an archive on nobody's web server",
      "summary: x\narchives: [{name: a, uri: 'ftp://a.example', suite: ./, key: keys/a.asc}]\n",
      "VALUE_INVALID",
      "2:27",
    ],
    [
      "an archive with options of apt in its address",
      "summary: x\narchives: [{name: a, uri: 'https://a.example [trusted=yes]', suite: ./, key: keys/a.asc}]\n",
      "VALUE_INVALID",
      "2:27",
    ],
    [
      "an archive whose key is anywhere",
      "summary: x\narchives: [{name: a, uri: 'https://a.example', suite: ./, key: ../a.asc}]\n",
      "VALUE_INVALID",
      "2:64",
    ],
    [
      "a system that is none",
      "summary: x\nbyOs: {Debian_12: {packages: [a1]}}\n",
      "ROLE_FOLDER_INVALID",
      "2:8",
    ],
    [
      "a default of another form",
      "summary: x\nparams: {a: {type: string, pattern: x+, default: b, description: d}}\n",
      "VALUE_INVALID",
      "2:50",
    ],
    [
      "a pattern that is none",
      "summary: x\nparams: {a: {type: string, pattern: '(', default: b, description: d}}\n",
      "VALUE_INVALID",
      "2:37",
    ],
    [
      "a pattern for a number",
      "summary: x\nparams: {a: {type: integer, pattern: x, default: 1, description: d}}\n",
      "VALUE_INVALID",
      "2:38",
    ],
    [
      "another default for no parameter",
      "summary: x\nbyOs: {debian: {params: {a: {default: 1}}}}\n",
      "ROLE_FOLDER_INVALID",
      "2:39",
    ],
    [
      "another default of the wrong type",
      "summary: x\nparams: {a: {type: integer, default: 1, description: d}}\nbyOs: {debian: {params: {a: {default: x}}}}\n",
      "VALUE_INVALID",
      "3:39",
    ],
  ])("%s", (_name, roleYaml, code, place) => {
    const { definition, findings } = parseRole(folder({ ...good, "role.yaml": roleYaml }));
    expect(definition).toBeUndefined();
    expect(findings.map((finding) => [finding.code, finding.where])).toContainEqual([
      code,
      `roles/motd/role.yaml:${place}`,
    ]);
    for (const finding of findings) expect(finding.hint).not.toBe("");
  });
});

describe("each thing that is wrong in a checks.yaml is said", () => {
  const withLine = (from: string, to: string): string => {
    expect(check).toContain(from);
    return check.replace(from, to);
  };
  test.each([
    ["no expectation", withLine("  expect: {exit: 0}\n", ""), "expect is missing"],
    ["an empty expectation", withLine("{exit: 0}", "{}"), "cannot fail"],
    ["an answer that nothing matches", withLine("{exit: 0}", "{stdout: {}}"), "exactly one"],
    ["two matchers", withLine("{exit: 0}", "{stdout: {equals: a, lacks: b}}"), "exactly one"],
    ["a broken expression", withLine("{exit: 0}", '{stdout: {matches: "("}}'), "regular expression"],
    ["an exit code that cannot be", withLine("{exit: 0}", "{exit: 256}"), "expect.exit"],
    ["no fault", withLine("  fault: {remove: /etc/motd}\n", ""), "fault is missing"],
    ["an empty fault", withLine("{remove: /etc/motd}", "{}"), "exactly one of remove"],
    ["two faults", withLine("{remove: /etc/motd}", "{remove: /a, run: b, undo: c}"), "exactly one of remove"],
    ["a fault that stays", withLine("{remove: /etc/motd}", "{run: b}"), "undo"],
    ["an undo without a run", withLine("{remove: /etc/motd}", "{remove: /a, undo: c}"), "go with run"],
    ["an unknown place", withLine("from: node", "from: moon"), "from"],
    ["a name twice", check + check, "twice"],
    ["a map instead of a list", "name: x\n", "expected a list"],
    ["no limit of time", `${check}  timeoutSeconds: 0\n`, "timeoutSeconds"],
  ])("%s", (_name, checksYaml, mentions) => {
    const { definition, findings } = parseRole(folder({ ...good, "checks.yaml": checksYaml }));
    expect(definition).toBeUndefined();
    expect(findings.map(({ message }) => message).join("\n")).toContain(mentions);
    expect(findings[0]?.where).toMatch(/^roles\/motd\/checks\.yaml:[0-9]+:[0-9]+$/);
  });
});

describe("a role's folder holds nothing that is not read", () => {
  const withKey = (text: string): Sources => ({
    ...good,
    "role.yaml": "summary: x\narchives: [{name: a, uri: 'https://a.example', suite: ./, key: keys/a.asc}]\n",
    "keys/a.asc": text,
  });
  test.each([
    ["no role.yaml", { "files/a": "" }, "has a role.yaml"],
    ["a misspelt folder", { ...good, "file/etc/x": "" }, "nothing reads"],
    ["a symbolic link", { ...good, "files/etc/x": { kind: "symlink", text: undefined } }, "symlink"],
    ["a file that is no text", { ...good, "files/etc/x": { text: undefined } }, "UTF-8"],
    ["files of a system that is none", { ...good, "files@12/etc/x": "" }, "names no system"],
    ["a key of no archive", { ...good, "keys/a.asc": publicKey }, "no archive"],
    ["a private key", withKey("-----BEGIN PGP PRIVATE KEY BLOCK-----\n"), "private key"],
    ["a key that is none", withKey("secret"), "no ASCII-armoured public key"],
    ["a path that a list cannot carry", { ...good, "files/etc/a b": "" }, "characters"],
  ] satisfies [string, Sources, string][])("%s", (_name, sources, mentions) => {
    const { definition, findings } = parseRole(folder(sources));
    expect(definition).toBeUndefined();
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({
      code: "ROLE_FOLDER_INVALID",
      message: expect.stringContaining(mentions),
    });
  });
});
