/** The boot menu of a fresh node: templates/deploy/imagectl/grub-config.sh. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { packageRoot } from "../paths.ts";

const script = readFileSync(join(packageRoot, "templates/deploy/imagectl/grub-config.sh"));
const uuid = "18e0468e-d90d-4911-b39b-84e073d2f605";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "imagectl-root-"));
  file("etc/os-release", 'ID=debian\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n');
});
afterEach(() => rmSync(root, { recursive: true }));

function file(path: string, text = ""): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

function kernel(version: string): void {
  file(`boot/vmlinuz-${version}`);
  file(`boot/initrd.img-${version}`);
}

function config(...modules: readonly string[]): string {
  return execFileSync("sh", ["-eu", "-s", uuid, root, ...modules], {
    input: script,
    encoding: "utf8",
    stdio: "pipe",
  });
}

test("a node with a serial console", async () => {
  kernel("6.1.0-56-amd64");
  file("etc/default/grub", 'GRUB_TIMEOUT=5\nGRUB_CMDLINE_LINUX_DEFAULT="quiet"\n');
  const settings = [
    'GRUB_CMDLINE_LINUX="panic=60 console=tty0 console=ttyS0,115200n8"',
    'GRUB_CMDLINE_LINUX_DEFAULT=""',
    "GRUB_TIMEOUT=1",
    'GRUB_TERMINAL="console serial"',
    'GRUB_SERIAL_COMMAND="serial --unit=0 --speed=115200"',
  ];
  file("etc/default/grub.d/50-imagectl.cfg", settings.join("\n"));
  await expect(config()).toMatchFileSnapshot("cases/serial.grub.cfg");
});

test("the newest kernel is the default, and one without an initramfs is left out", () => {
  kernel("6.1.0-9-amd64");
  kernel("6.1.0-56-amd64");
  file("boot/vmlinuz-6.9.0");
  expect([...config().matchAll(/linux \/boot\/(\S+)/g)].map((found) => found[1])).toEqual([
    "vmlinuz-6.1.0-56-amd64",
    "vmlinuz-6.1.0-9-amd64",
  ]);
});

test("without settings the kernel gets its root and nothing else", () => {
  kernel("6.1.0");
  expect(config()).toMatch(new RegExp(`^  linux /boot/vmlinuz-6\\.1\\.0 root=UUID=${uuid} ro$`, "m"));
});

test("a root on an array: GRUB learns to read arrays before it looks for the root", () => {
  kernel("6.1.0");
  expect(config("mdraid1x")).toMatch(/insmod part_gpt\ninsmod mdraid1x\ninsmod ext2\nsearch /);
});

test("a root without a kernel is an error, not an empty menu", () => {
  file("boot/config-6.1.0");
  expect(() => config()).toThrow("no kernel with an initramfs");
});
