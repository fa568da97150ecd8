/** The house: floors, doors and what must not be named. Its counterexamples show that the rules can fail. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { describe, expect, test } from "vitest";

/** Rooms by floor, lowest first. Nothing imports upwards; rooms of one floor do not import each other. */
const floors = [
  ["ground"],
  ["backup", "cluster", "roles", "store"],
  ["plan"],
  ["ansible", "board", "cloud-init", "images", "deploy", "nodes", "verify"],
  ["pxe", "lab"],
  ["serve", "doctor", "bastion"],
  ["cli"],
] as const;

/** The few files that touch network, disk, processes, clock or chance, with what they touch. */
const doors: Record<string, string> = {
  "backup/place.ts": "puts a backup's files in place",
  "backup/read-folder.ts": "reads the state's folders",
  "cli/backup.ts": "reads the cluster file, the clock and the host's name",
  "bastion/apply-here.ts": "unpacks an overlay and applies it here",
  "bastion/host-key.ts": "makes and certifies the bastion's host key",
  "bastion/session.ts": "reads the processes above us, leaves the word for apply",
  "cli/bastion.ts": "reads the clock",
  "cli/build-display.ts": "counts the seconds of a running step on the terminal",
  "cli/demo.ts": "makes the demo's cluster file",
  "cli/doctor.ts": "reads the clock",
  "cli/export.ts": "reads the playbook, writes it with inventory and overlays",
  "cli/fetch-keys.ts": "asks a code forge for public keys, or reads a file of them",
  "cli/firing-alerts.ts": "asks Prometheus which alerts fire",
  "cli/gpus.ts": "asks the board's server",
  "cli/images.ts": "reads the clock for prune",
  "cli/journal.ts": "reads the clock",
  "cli/keys.ts": "reads the clock",
  "cli/lint.ts": "reads documents and a prober's output",
  "cli/machine-facts.ts": "reads interfaces and public keys, for init",
  "cli/nodes.ts": "reads the clock",
  "cli/operator-client.ts": "asks the server over its Unix socket",
  "cli/passphrase.ts": "asks on the terminal",
  "cli/plan-context.ts": "looks which cluster file there is",
  "cli/recovery.ts": "makes passwords by chance, writes their sheets, reads the clock",
  "cli/output-folder.ts": "makes and empties the folders that commands fill",
  "cli/render.ts": "writes a node's files to look at",
  "cli/report.ts": "reads the page's template and the clock, writes the page",
  "cli/restore.ts": "reads a backup and the clock",
  "cli/secrets.ts": "reads a value from a file, and the clock",
  "cli/selftest.ts": "writes the report, reads the clock",
  "cli/serve.ts": "reads the clock, takes signals, writes the log",
  "cli/test.ts": "reads the clock",
  "cli/watch.ts": "reads the clock",
  "cloud-init/lint/shell-syntax.ts": "asks sh and bash to read commands",
  "cloud-init/lint/test-documents.ts": "reads the machine of the tests",
  "cluster/file.ts": "reads and replaces the cluster file",
  "doctor/collect-host.ts": "looks at programs, disks, clock, keys, mirrors and KVM",
  "doctor/collect-network.ts": "looks at interfaces, sockets, processes and name servers",
  "durable-file.ts": "writes and syncs files",
  "host-ca.ts": "writes files for ssh-keygen",
  "host-certificate.ts": "reads the host CA's public key",
  "images/apt.ts": "keeps packages and their indexes",
  "images/build-files.ts": "reads and copies files of the operator",
  "images/build-room.ts": "keeps the folder of one build",
  "images/installer/download.ts": "fetches from vendors",
  "images/installer/installer-build.ts": "reads the clock and the manifest key, keeps a folder of ISOs",
  "images/installer/iso-file.ts": "reads ISOs",
  "images/installer/signature.ts": "writes files for gpgv",
  "images/installer/stand-in.test-data.ts": "makes ISOs and keys for tests",
  "images/installer/store-download.ts": "keeps what was downloaded so far",
  "images/installer/look-at-iso.ts": "keeps what it takes out of an ISO while it looks",
  "images/installer/room.ts": "looks which disk a folder is on",
  "images/installer/store-installer.ts": "reads a kernel's head",
  "images/recipe-files.ts": "reads recipes",
  "images/run-steps.ts": "makes roots and artefacts",
  "images/workshop.ts": "reads the clock and the manifest key",
  "keys.ts": "makes and reads the cluster's keys",
  "lab/booted-nodes.ts": "writes known_hosts",
  "lab/accelerator.ts": "tries out KVM",
  "lab/machine-lab.ts": "gives a lab its state and logs",
  "lab/namespace-host.ts": "learns which process is a machine's init",
  "lab/prepare-root.ts": "writes what a seed session would answer",
  "lab/qemu-host.ts": "makes disks and reads serial ports",
  "lab/scratch.ts": "keeps the lab's folders",
  "lab/unpack-root.ts": "keeps unpacked images",
  "nodes/copy-database.ts": "copies a database to a file",
  "nodes/database.ts": "opens SQLite",
  "plan/overlay.ts": "reads the apply script",
  "pxe/boot/chainload.ts": "reads the iPXE files",
  "pxe/boot/templates.ts": "reads the script templates",
  "pxe/dhcp/socket.ts": "takes over the DHCP sockets",
  "pxe/http/artefact-worker.ts": "is a process: listens, drops its rights, watches its parent",
  "pxe/http/artefacts.ts": "reads artefacts and streams them",
  "pxe/tftp/socket.ts": "opens the TFTP sockets",
  "roles/read.ts": "reads role folders",
  "run.ts": "starts programs",
  "secrets.ts": "keeps the secrets' values",
  "serve/board-server.ts": "reads the page's template",
  "serve/boot-side.ts": "makes tokens, counts processors",
  "serve/cluster-source.ts": "watches the cluster file",
  "serve/deadlines.ts": "looks at the clock every few seconds",
  "serve/dhcp-handover.ts": "replaces the process",
  "serve/host-certificates.ts": "looks at the clock every day",
  "serve/foundation.ts": "makes the state's folders",
  "serve/gpu-board.ts": "asks nodes for their metrics",
  "serve/installations.ts": "reads the early-command of Ubuntu's installer",
  "serve/kexec-script.ts": "reads the script for kexec",
  "serve/node-door.ts": "connects to nodes, writes known_hosts",
  "serve/operator-socket.ts": "opens the operators' Unix socket",
  "version.ts": "reads the version",
  "store/file-system.ts": "writes whole files",
  "store/store.ts": "lists and removes images",
};

/** A package has one importer, or one room of importers. */
const onlyImporters: Record<string, RegExp> = {
  "age-encryption": /^backup\/seal\.ts$/,
  execa: /^run\.ts$/,
  handlebars: /^template\.ts$/,
  "tar-stream": /^tar\.ts$/,
  yaml: /^yaml-(file|edit|problem)\.ts$/,
  fastify: /^(pxe\/http|serve)\//,
  "node:sqlite": /^nodes\/database\.ts$/,
  "node:dgram": /^pxe\/(dhcp|tftp)\/socket\.ts$/,
};

/** Importing one of these, or calling one of those, makes a file a door. */
const worldlyImports = new Set(
  [
    "fs",
    "fs/promises",
    "net",
    "dgram",
    "http",
    "https",
    "child_process",
    "sqlite",
    "os",
    "dns",
    "cluster",
  ].map((name) => `node:${name}`),
);
const worldlyCalls =
  /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\brandomBytes\(|\brandomUUID\(|\bsetInterval\(|\bfetch\(/;

const longestFile = 400;

type Sources = ReadonlyMap<string, string>;

function roomOf(file: string): string {
  return file.includes("/") ? (file.split("/")[0] as string) : "ground";
}

function floorOf(room: string): number {
  return floors.findIndex((rooms) => (rooms as readonly string[]).includes(room));
}

function importsOf(source: string): string[] {
  const statements = source.matchAll(
    /(?:^|\n)\s*(?:import|export)\b[^;"']*?["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)/g,
  );
  return [...statements].map((match) => (match[1] ?? match[2]) as string);
}

function localImports(file: string, source: string): string[] {
  return importsOf(source)
    .filter((name) => name.startsWith("."))
    .map((name) => normalize(join(dirname(file), name)));
}

function withoutComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|[^:"'`])\/\/[^\n]*/g, "$1");
}

function floorViolations(sources: Sources): string[] {
  return [...sources].flatMap(([file, source]) =>
    localImports(file, source).flatMap((target) => {
      const from = roomOf(file);
      const to = roomOf(target);
      if (from === to) return [];
      if (floorOf(from) < 0) return [`${file}: the room ${from} stands on no floor`];
      if (floorOf(to) < floorOf(from)) return [];
      return [`${file} imports ${target}: ${from} may not know ${to}`];
    }),
  );
}

function cycleViolations(sources: Sources): string[] {
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (file: string, trail: readonly string[]): void => {
    if (trail.includes(file)) {
      found.push(`import cycle: ${[...trail.slice(trail.indexOf(file)), file].join(" -> ")}`);
      return;
    }
    if (done.has(file)) return;
    for (const target of localImports(file, sources.get(file) ?? "")) visit(target, [...trail, file]);
    done.add(file);
  };
  for (const file of sources.keys()) visit(file, []);
  return found;
}

function doorViolations(sources: Sources, declared: ReadonlySet<string>): string[] {
  return [...sources].flatMap(([file, source]) => {
    const worldly = importsOf(source).filter((name) => worldlyImports.has(name));
    const call = worldlyCalls.exec(withoutComments(source))?.[0];
    const reasons = call === undefined ? worldly : [...worldly, call];
    return reasons.length === 0 || declared.has(file)
      ? []
      : [`${file} is a door (${reasons.join(", ")}) and not declared as one`];
  });
}

function importerViolations(sources: Sources): string[] {
  return [...sources].flatMap(([file, source]) =>
    importsOf(source).flatMap((name) => {
      const allowed = onlyImporters[name];
      return allowed === undefined || allowed.test(file)
        ? []
        : [`${file} imports ${name}; only ${allowed.source} may`];
    }),
  );
}

function namingViolations(sources: Sources, roleNames: readonly string[]): string[] {
  return [...sources].flatMap(([file, source]) => {
    const code = withoutComments(source);
    const roles = roleNames.filter((role) => new RegExp(`["'\`]${role}["'\`]`).test(code));
    const operatingSystem = file.startsWith("pxe/") ? /debian|ubuntu/i.exec(code)?.[0] : undefined;
    return [
      ...roles.map((role) => `${file} names the role ${role}`),
      ...(operatingSystem === undefined ? [] : [`${file} names the operating system ${operatingSystem}`]),
    ];
  });
}

function shapeViolations(sources: Sources): string[] {
  return [...sources].flatMap(([file, source]) => {
    const lines = source.split("\n").length - 1;
    return [
      ...(lines > longestFile ? [`${file} has ${lines} lines; ${longestFile} is the most`] : []),
      ...(/^(#!.*\n)?\/\*\*/.test(source) ? [] : [`${file} does not say in its first line why it exists`]),
    ];
  });
}

const root = import.meta.dirname;
const house: Sources = new Map(
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts") && !entry.name.endsWith(".test.ts"))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort()
    .map((file) => [file, readFileSync(join(root, file), "utf8")]),
);
const roles = readdirSync(join(root, "../templates/roles"), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

describe("the house stands", () => {
  test("nothing imports upwards, and rooms of one floor do not know each other", () => {
    expect(floorViolations(house)).toEqual([]);
  });
  test("no import cycle", () => {
    expect(cycleViolations(house)).toEqual([]);
  });
  test("only declared doors touch network, disk, processes, clock or chance", () => {
    expect(doorViolations(house, new Set(Object.keys(doors)))).toEqual([]);
  });
  test("every declared door exists", () => {
    expect(Object.keys(doors).filter((file) => !house.has(file))).toEqual([]);
  });
  test("one importer per library", () => {
    expect(importerViolations(house)).toEqual([]);
  });
  test("src names no role, pxe names no operating system", () => {
    expect(namingViolations(house, roles)).toEqual([]);
  });
  test("every file says why it exists and none is too long", () => {
    expect(shapeViolations(house)).toEqual([]);
  });
});

describe("ARCHITECTURE.md is true", () => {
  const page = readFileSync(join(root, "../ARCHITECTURE.md"), "utf8");
  const quoted = [...page.matchAll(/`([^`\s]+)`/g)].map((match) => match[1] as string);
  test("every path that it names exists", () => {
    const paths = quoted.filter((word) => /^(src|templates|bin|docs|vm-tests|bench)\/[\w./-]+$/.test(word));
    expect(paths.length).toBeGreaterThan(20);
    expect(paths.filter((path) => !existsSync(join(root, "..", path)))).toEqual([]);
  });
  test("every function that it names is one", () => {
    const calls = quoted.flatMap((word) => /^(\w+)\(/.exec(word)?.[1] ?? []);
    const code = [...house.values()].join("\n");
    const missing = calls.filter((name) => !new RegExp(`(function |readonly |  )${name}\\b`).test(code));
    expect(calls.length).toBeGreaterThan(3);
    expect(missing).toEqual([]);
  });
  test("every room has its line", () => {
    const rooms = floors.flat().filter((room) => room !== "ground");
    expect(rooms.filter((room) => !page.includes(`| \`${room}/\` |`))).toEqual([]);
  });
});

describe("each rule has a counterexample that it refuses", () => {
  const one = (file: string, source: string): Sources => new Map([[file, source]]);
  test.each([
    [
      "an import of a higher floor",
      floorViolations(one("plan/a.ts", 'import { x } from "../pxe/b.ts";')),
      "plan may not know pxe",
    ],
    [
      "an import of a neighbour",
      floorViolations(one("deploy/a.ts", 'import type { X } from "../nodes/b.ts";')),
      "deploy may not know nodes",
    ],
    [
      "a dynamic import upwards",
      floorViolations(one("store/a.ts", 'const m = await import("../cli/b.ts");')),
      "store may not know cli",
    ],
    [
      "a room without a floor",
      floorViolations(one("attic/a.ts", 'import "../run.ts";')),
      "stands on no floor",
    ],
    [
      "a cycle",
      cycleViolations(
        new Map([
          ["plan/a.ts", 'import "./b.ts";'],
          ["plan/b.ts", 'export * from "./a.ts";'],
        ]),
      ),
      "plan/a.ts -> plan/b.ts -> plan/a.ts",
    ],
    [
      "a secret door",
      doorViolations(one("plan/a.ts", 'import { readFileSync } from "node:fs";'), new Set()),
      "node:fs",
    ],
    [
      "a clock in pure code",
      doorViolations(one("plan/a.ts", "const t = Date.now();"), new Set()),
      "Date.now(",
    ],
    [
      "a second execa",
      importerViolations(one("images/a.ts", 'import { execa } from "execa";')),
      "imports execa",
    ],
    [
      "a second opener of SQLite",
      importerViolations(one("serve/a.ts", 'import { DatabaseSync } from "node:sqlite";')),
      "node:sqlite",
    ],
    [
      "a role by name",
      namingViolations(one("plan/a.ts", 'if (role === "smartd") go();'), ["smartd"]),
      "names the role smartd",
    ],
    [
      "an OS by name in pxe",
      namingViolations(one("pxe/a.ts", 'const kernel = "debian-12";'), []),
      "names the operating system",
    ],
    [
      "a file that has grown too long",
      shapeViolations(one("plan/a.ts", `/** x */\n${"\n".repeat(400)}`)),
      "401 lines",
    ],
    ["a file without a reason", shapeViolations(one("plan/a.ts", "const x = 1;\n")), "why it exists"],
  ])("%s", (_name, violations, expected) => {
    expect(violations.join("\n")).toContain(expected);
  });
  test("a role's name in a comment is not code", () => {
    expect(namingViolations(one("plan/a.ts", '// as "smartd" does\n/* "smartd" */'), ["smartd"])).toEqual([]);
  });
});
