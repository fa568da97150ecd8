/** The role folders: expected files for their templates, and scripts that hold. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { operatingSystems } from "../../src/images/catalogue.ts";
import { readRoleCatalogue } from "../../src/roles/read.ts";
import type { Role } from "../../src/roles/role.ts";
import { run } from "../../src/run.ts";
import { renderTemplate, type View } from "../../src/template.ts";

const here = import.meta.dirname;
const catalogue = await readRoleCatalogue([{ directory: here, shownAs: "templates/roles" }]);
/** Each role as every system has it. */
const roles = operatingSystems.flatMap(({ id }) =>
  catalogue.names.flatMap((name) => {
    const role = catalogue.role(name, id);
    return role === undefined ? [] : [{ ...role, os: id }];
  }),
);

test("every role folder is whole", () => {
  expect(catalogue.findings).toEqual([]);
  expect(roles).toHaveLength(catalogue.names.length * operatingSystems.length);
});

describe.each(roles)("$name on $os", (role) => {
  const templates = role.files.filter((file) => file.isTemplate);
  const cases = join(here, role.name, "cases");

  test.runIf(templates.length > 0).each(viewsIn(cases, templates.length > 0))("renders %s", async (name) => {
    const view = JSON.parse(readFileSync(join(cases, `${name}.view.json`), "utf8")) as View;
    for (const file of templates) {
      const { text } = renderTemplate(file.content, view, file.source);
      await expect(text).toMatchFileSnapshot(
        join(cases, `${name}.${file.path.slice(1).replaceAll("/", "-")}`),
      );
    }
  });

  test("claims something from at least one side, and each claim has a fault that is put right again", () => {
    expect(role.checks.length).toBeGreaterThan(0);
    for (const check of role.checks) {
      if (check.fault.kind === "run") expect(check.fault.undo, check.name).not.toBe(check.fault.run);
    }
  });
});

function viewsIn(folder: string, isNeeded: boolean): string[] {
  if (!isNeeded) return [];
  return readdirSync(folder)
    .filter((file) => file.endsWith(".view.json"))
    .map((file) => file.replace(".view.json", ""));
}

/** Braces of a template stand for a word, so that what stays is the shell's. */
function scriptsOf(role: Role & { readonly os: string }): [string, string][] {
  const plain = (text: string): string =>
    text.replace(/\{\{[#/][^}]*\}\}/g, "").replace(/\{\{[^}]*\}\}/g, "word");
  const texts: [string, string | undefined][] = [
    ...role.commands.flatMap(({ name, run, unless }): [string, string | undefined][] => [
      [`command ${name}`, run],
      [`unless of ${name}`, unless],
    ]),
    ...role.validators.map(({ name, run }): [string, string] => [`validator ${name}`, run]),
    ...role.checks.flatMap(({ name, run, fault }): [string, string | undefined][] => [
      [`check ${name}`, run],
      [`fault of ${name}`, fault.kind === "run" ? fault.run : undefined],
      [`undo of ${name}`, fault.kind === "run" ? fault.undo : undefined],
    ]),
    ...role.files
      .filter((file) => file.content.startsWith("#!/bin/sh"))
      .map((file): [string, string] => [file.path, file.content]),
  ];
  return texts.flatMap(([name, text]): [string, string][] =>
    text === undefined ? [] : [[`${role.name} on ${role.os}: ${name}`, `#!/bin/sh\n${plain(text)}\n`]],
  );
}

// A second for ten scripts, where nothing else runs.
const shellcheckMs = 120_000;

test(
  "shellcheck finds nothing in the scripts of roles and in apply.sh and undo.sh",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "imagectl-roles-"));
    try {
      const scripts: [string, string][] = [
        ...roles.flatMap(scriptsOf),
        ...["apply.sh", "undo.sh"].map((name): [string, string] => [
          name,
          readFileSync(join(here, "..", name), "utf8"),
        ]),
      ];
      // Most are the same on every system: each text once.
      const distinct = new Map(scripts.map(([name, text]) => [text, name]));
      const files = [...distinct].map(([text, name]) => {
        const file = join(folder, name.replaceAll(/[^A-Za-z0-9.]+/g, "-"));
        writeFileSync(file, text);
        return file;
      });
      const { stdout } = await run("shellcheck", ["--format=gcc", "--severity=info", ...files], {
        okExitCodes: [0, 1],
      });
      expect(stdout.replaceAll(folder, "")).toBe("");
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
  shellcheckMs,
);

describe("GRUB's settings, read as shell", () => {
  const evaluate = async (name: string): Promise<string> => {
    const file = join(here, "base/cases", `${name}.etc-default-grub.d-50-imagectl.cfg`);
    const script = `. ${file}; echo "$GRUB_CMDLINE_LINUX|\${GRUB_TERMINAL-}|\${GRUB_SERIAL_COMMAND-}|$GRUB_TIMEOUT"`;
    return (await run("sh", ["-euc", script])).stdout.trim();
  };
  test("GRUB speaks on the kernel's serial port, at its speed", async () => {
    expect(await evaluate("two-nodes")).toBe(
      "panic=60 fsck.repair=yes console=tty0 console=ttyS1,57600n8 iommu=pt|console serial|serial --unit=1 --speed=57600|1",
    );
  });
  test("without one it says nothing about serial ports", async () => {
    expect(await evaluate("no-arguments")).toBe("panic=60 fsck.repair=yes|||1");
  });
});
