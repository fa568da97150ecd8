/** Role folders on disk: what is read, what is left alone, and what cannot be read. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { packageRoot } from "../paths.ts";
import { readRoleCatalogue } from "./read.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "imagectl-roles-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

function write(path: string, content: string | Uint8Array, mode = 0o644): void {
  const full = join(directory, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, content);
  chmodSync(full, mode);
}

const read = () => readRoleCatalogue([{ directory, shownAs: "roles" }]);

describe("what is read", () => {
  test("files with their mode, wherever they lie", async () => {
    write("motd/role.yaml", "summary: x\n");
    write("motd/files/usr/bin/tool", "#!/bin/sh\n", 0o755);
    write("motd/files@debian/etc/a/b.hbs", "{{os.id}}\n");
    const catalogue = await read();
    expect(catalogue.findings).toEqual([]);
    expect(catalogue.role("motd", "debian-12")?.files).toMatchObject([
      { path: "/usr/bin/tool", mode: 0o755, isTemplate: false, source: "roles/motd/files/usr/bin/tool" },
      { path: "/etc/a/b", mode: 0o644, isTemplate: true },
    ]);
  });
  test("a role that is linked in", async () => {
    write("elsewhere/motd/role.yaml", "summary: x\n");
    mkdirSync(join(directory, "roles"));
    symlinkSync("../elsewhere/motd", join(directory, "roles/motd"));
    const catalogue = await readRoleCatalogue([{ directory: join(directory, "roles"), shownAs: "roles" }]);
    expect(catalogue.role("motd", "debian-12")?.summary).toBe("x");
  });
  test("files beside the folders and hidden folders are left alone", async () => {
    write("README.md", "");
    write(".git/config", "");
    expect((await read()).names).toEqual([]);
  });
  test("a folder of roles that does not exist has no roles", async () => {
    const catalogue = await readRoleCatalogue([{ directory: join(directory, "none"), shownAs: "none" }]);
    expect(catalogue).toMatchObject({ names: [], findings: [] });
  });
});

describe("what is refused", () => {
  test("links and binaries among a role's files", async () => {
    write("motd/role.yaml", "summary: x\n");
    symlinkSync("/etc/shadow", join(directory, "motd/role-link"));
    write("motd/files/bin/x", Uint8Array.of(0x7f, 0x45, 0xff, 0xfe));
    const { findings } = await read();
    expect(findings.map(({ where }) => where)).toEqual(["roles/motd/files/bin/x", "roles/motd/role-link"]);
  });
  test("a file instead of a folder of roles", async () => {
    write("roles", "");
    await expect(
      readRoleCatalogue([{ directory: join(directory, "roles"), shownAs: "roles" }]),
    ).rejects.toMatchObject({
      code: "ROLE_FOLDER_INVALID",
    });
  });
});

test("our own roles have no findings", async () => {
  const catalogue = await readRoleCatalogue([
    { directory: join(packageRoot, "templates/roles"), shownAs: "templates/roles" },
  ]);
  expect(catalogue.findings).toEqual([]);
  expect(catalogue.names.length).toBeGreaterThan(0);
});
