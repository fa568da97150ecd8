/** An overlay carries a layer whole: same bytes for an equal layer, plain lists, and no word that sh would misread. */
import { describe, expect, test } from "vitest";
import { sha256 } from "../digest.ts";
import { unpackTar } from "../tar.ts";
import { buildOverlay, type NamedLayer, overlayEntries } from "./overlay.ts";
import type { PlannedFile } from "./plan.ts";

const owned = { mode: 0o644, owner: "root", group: "root", role: "sample" };
const hosts: PlannedFile = { ...owned, path: "/etc/hosts", content: "127.0.0.1 localhost\n" };
const tool: PlannedFile = { ...owned, path: "/usr/lib/sample/tool", mode: 0o755, content: "#!/bin/sh\n" };
const layer: NamedLayer = {
  name: "image",
  packages: ["sudo", "openssh-server", "sudo"],
  files: [tool, hosts],
  services: [
    {
      unit: "sample.service",
      state: "enabled",
      action: "reload",
      onChange: ["/etc/hosts", "/etc/x"],
      role: "sample",
    },
    { unit: "other.socket", state: "masked", action: "restart", onChange: [], role: "sample" },
  ],
  validators: [
    { name: "hosts are read", run: "getent hosts localhost", paths: ["/etc/hosts"], role: "sample" },
  ],
  commands: [
    { name: "tell", run: "echo changed\n", onChange: ["/etc/hosts"], role: "sample" },
    { name: "once", run: "touch /var/lib/once", unless: "test -e /var/lib/once", role: "sample" },
  ],
};

async function contents(of: NamedLayer): Promise<Record<string, string>> {
  const entries = await unpackTar(await buildOverlay(of));
  return Object.fromEntries(
    entries.map((entry) => [entry.path, Buffer.from(entry.content as Uint8Array).toString()]),
  );
}

describe("an overlay", () => {
  test("equal layers give equal bytes, whatever the order of files and packages", async () => {
    const shuffled = { ...layer, files: [hosts, tool], packages: ["openssh-server", "sudo"] };
    expect(sha256(await buildOverlay(shuffled))).toBe(sha256(await buildOverlay(layer)));
  });

  test("a mode, an owner and a command each show in the bytes", async () => {
    const others: NamedLayer[] = [
      { ...layer, files: [tool, { ...hosts, mode: 0o600 }] },
      { ...layer, files: [tool, { ...hosts, owner: "nobody" }] },
      { ...layer, commands: [] },
    ];
    const digests = await Promise.all(
      [layer, ...others].map(async (each) => sha256(await buildOverlay(each))),
    );
    expect(new Set(digests).size).toBe(4);
  });

  test("the lists are lines of words", async () => {
    const files = await contents(layer);
    expect(files["imagectl/layer"]).toBe("image\n");
    expect(files["imagectl/packages"]).toBe("openssh-server\nsudo\n");
    expect(files["imagectl/files"]).toBe(
      [
        `/etc/hosts ${sha256(hosts.content)} 0644 root:root sample`,
        `/usr/lib/sample/tool ${sha256(tool.content)} 0755 root:root sample`,
        "",
      ].join("\n"),
    );
    expect(files["imagectl/services"]).toBe(
      "sample.service enabled reload /etc/hosts /etc/x\nother.socket masked restart\n",
    );
    expect(files["imagectl/commands/000/on-change"]).toBe("/etc/hosts\n");
    expect(files["imagectl/commands/001/unless"]).toBe("test -e /var/lib/once\n");
    expect(files["imagectl/validators/000/run"]).toBe("getent hosts localhost\n");
    expect(files["root/etc/hosts"]).toBe(hosts.content);
  });

  test("commands keep the order of the layer", async () => {
    const commands = Array.from({ length: 11 }, (_, index) => ({
      name: `command ${index}`,
      run: ":",
      onChange: ["/etc/hosts"],
      role: "sample",
    }));
    const names = overlayEntries({ ...layer, commands }, { apply: "", undo: "" })
      .filter((entry) => /^imagectl\/commands\/.*\/name$/.test(entry.path))
      .sort((left, right) => (left.path < right.path ? -1 : 1))
      .map((entry) => entry.content);
    expect(names).toEqual(commands.map((command) => `${command.name}\n`));
  });

  test.each<[string, NamedLayer, string]>([
    ["white space in a path", { ...layer, files: [{ ...hosts, path: "/etc/my hosts" }] }, '"/etc/my hosts"'],
    ["a quote in a path", { ...layer, files: [{ ...hosts, path: '/etc/"x' }] }, "not one plain word"],
    ["a relative path", { ...layer, files: [{ ...hosts, path: "etc/hosts" }] }, "no absolute path"],
    ["a path that climbs", { ...layer, files: [{ ...hosts, path: "/etc/../root" }] }, "no absolute path"],
    ["a folder as path", { ...layer, files: [{ ...hosts, path: "/etc/" }] }, "no absolute path"],
    ["an owner of two words", { ...layer, files: [{ ...hosts, owner: "a b" }] }, "not one plain word"],
    ["a package that is an expression", { ...layer, packages: ["sudo; reboot"] }, "not one plain word"],
    ["one path twice", { ...layer, files: [hosts, tool, hosts] }, "/etc/hosts is given twice"],
  ])("%s is refused", async (_name, broken, message) => {
    await expect(buildOverlay(broken)).rejects.toMatchObject({ code: "OVERLAY_INVALID" });
    await expect(buildOverlay(broken)).rejects.toThrow(message);
  });
});
