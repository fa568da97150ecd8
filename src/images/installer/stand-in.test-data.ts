/** A stand-in for an official ISO, for tests: its layout, names, sums and signature, with a key made in the test. */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { zstdCompressSync } from "node:zlib";
import { sha256 } from "../../digest.ts";
import { run } from "../../run.ts";
import { findInstaller, type Installer, isoFileName, type SigningKey } from "./installers.ts";

/** A key of a test, with the folder of its gpg. */
export type TestKey = SigningKey & { readonly home: string; close(): Promise<void> };

export async function makeKey(owner: string): Promise<TestKey> {
  const home = mkdtempSync(join(tmpdir(), "gpg-"));
  const gpg = (...words: string[]) =>
    run("gpg", ["--homedir", home, "--batch", "--quiet", "--passphrase", "", ...words]);
  await gpg("--quick-generate-key", `${owner} <test@example.org>`, "ed25519", "sign", "never");
  const { stdout } = await gpg("--list-keys", "--with-colons");
  const keyring = join(home, "key.gpg");
  await gpg("--output", keyring, "--export");
  return {
    home,
    owner,
    keyring,
    fingerprint: /^fpr:+([0-9A-F]{40}):/m.exec(stdout)?.[1] ?? "",
    close: async () => {
      await run("gpgconf", ["--homedir", home, "--kill", "all"]);
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** An installer of the catalogue that wants another key's signature. */
export function signedBy(os: string, key: SigningKey): Installer {
  const found = findInstaller(os);
  if (found === undefined) throw new Error(`no installer ${os}`);
  return { ...found, signingKey: key };
}

export type StandIn = {
  readonly version: string;
  readonly edition?: string;
  readonly architecture?: string;
  /** Paths that it lacks. */
  readonly without?: readonly string[];
  /** The content of its kernel. */
  readonly kernel?: string;
  /** What casper's script in its initrd reads. */
  readonly casperScript?: string;
  /** Real files in the place of its own, by path in the ISO. */
  readonly realFiles?: Readonly<Record<string, string>>;
};

const uuid = "0ae1f3c6-4ea4-4f0d-8f3b-8d9e0b1c2d3e";

/** @returns the path of the ISO that was made in the folder, under its official name. */
export async function makeIso(folder: string, standIn: StandIn): Promise<string> {
  const {
    version,
    edition = "Ubuntu-Server",
    architecture = "amd64",
    without = [],
    realFiles = {},
  } = standIn;
  const tree = mkdtempSync(join(tmpdir(), "iso-tree-"));
  const files: Record<string, string | Uint8Array> = {
    ".disk/info": `${edition} ${version} LTS "Jammy Jellyfish" - Release ${architecture} (20240911)\n`,
    ".disk/casper-uuid-generic": `${uuid}\n`,
    "casper/vmlinuz": standIn.kernel ?? kernel("5.15.0-119-generic (buildd@lcy02) #129-Ubuntu SMP"),
    "casper/initrd": initrd(standIn.casperScript ?? "case $x in url=*.iso) ;; esac"),
    "casper/hwe-vmlinuz": kernel("6.8.0-40-generic (buildd@lcy02) #40~22.04.3-Ubuntu SMP"),
    "casper/install-sources.yaml": sources,
    "casper/ubuntu-server-minimal.ubuntu-server.installer.squashfs.manifest":
      "systemd\t249.11\nsnap:subiquity\tstable\t5740\n",
    ...Object.fromEntries(layerNames.map((name) => [`casper/${name}`, `hsqs ${name}`])),
  };
  for (const [path, content] of Object.entries(files)) {
    if (without.includes(path)) continue;
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    const real = realFiles[path];
    if (real === undefined) writeFileSync(join(tree, path), content);
    else copyFileSync(real, join(tree, path));
  }
  const iso = join(folder, isoFileName(version, architecture));
  const words = ["-quiet", "-r", "-J", "-V", `${edition} ${version} LTS ${architecture}`, "-o", iso, tree];
  await run("xorriso", ["-as", "mkisofs", ...words]);
  rmSync(tree, { recursive: true });
  return iso;
}

/** Writes SHA256SUMS and SHA256SUMS.gpg for files, as the vendor does. @returns the path of SHA256SUMS. */
export async function signSums(folder: string, files: readonly string[], key: TestKey): Promise<string> {
  const sums = join(folder, "SHA256SUMS");
  const lines = files.map(
    (file) => `${sha256(readFileSync(file))} *${file.slice(dirname(file).length + 1)}\n`,
  );
  writeFileSync(sums, lines.join(""));
  const words = ["--yes", "--armor", "--output", `${sums}.gpg`, "--detach-sign", sums];
  await run("gpg", ["--homedir", key.home, "--batch", "--quiet", ...words]);
  return sums;
}

/** Lowest first. */
export const layerNames = [
  "ubuntu-server-minimal.squashfs",
  "ubuntu-server-minimal.ubuntu-server.squashfs",
  "ubuntu-server-minimal.ubuntu-server.installer.squashfs",
  "ubuntu-server-minimal.ubuntu-server.installer.generic.squashfs",
] as const;

const sources = `- description: {en: "This version has been customized to have a small footprint."}
  id: ubuntu-server-minimal
  locale_support: none
  path: ubuntu-server-minimal.squashfs
  type: fsimage
  variant: server
- default: true
  description: {en: "The default install contains a curated set of packages."}
  id: ubuntu-server
  locale_support: locale-only
  path: ubuntu-server-minimal.ubuntu-server.squashfs
  type: fsimage-layered
  variant: server
`;

/** The header of an x86 kernel as Linux's Documentation/arch/x86/boot.rst has it, and nothing else of one. */
export function kernel(version: string): Uint8Array {
  const bytes = Buffer.alloc(0x2000);
  bytes.write("HdrS", 0x202, "latin1");
  bytes.writeUInt16LE(0x0e00, 0x20e);
  bytes.write(`${version}\0`, 0x200 + 0x0e00, "latin1");
  return bytes;
}

/** What casper has in an initrd, by path. */
export function casperFiles(script: string): Record<string, string> {
  return {
    "conf/conf.d/default-boot-to-casper.conf": "export BOOT=casper\n",
    "conf/conf.d/default-layer.conf": `LAYERFS_PATH=${layerNames[3]}\n`,
    "conf/uuid.conf": `${uuid}\n`,
    "scripts/casper": script,
  };
}

/** Microcode in an archive of its own, then the compressed one, as initramfs-tools writes it. */
function initrd(casperScript: string): Uint8Array {
  return Buffer.concat([
    cpio({ "kernel/x86/microcode/GenuineIntel.bin": "microcode" }),
    zstdCompressSync(cpio(casperFiles(`#!/bin/sh\n${casperScript}\n`))),
  ]);
}

/** The "newc" format of cpio(5). */
export function cpio(files: Readonly<Record<string, string>>): Buffer {
  const pad = (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
  const entry = (name: string, content: string) => {
    const mode = name === "TRAILER!!!" ? 0 : 0o100644;
    const fields = [1, mode, 0, 0, 1, 0, Buffer.byteLength(content), 0, 0, 0, 0, name.length + 1, 0];
    const head = fields.map((field) => field.toString(16).padStart(8, "0")).join("");
    return Buffer.concat([pad(Buffer.from(`070701${head}${name}\0`)), pad(Buffer.from(content))]);
  };
  return Buffer.concat([
    ...Object.entries(files).map(([name, content]) => entry(name, content)),
    entry("TRAILER!!!", ""),
  ]);
}
