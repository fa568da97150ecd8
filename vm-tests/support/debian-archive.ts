/** A tiny archive as Debian's mirrors have it: one package, in a suite that its users must be told to trust. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sha256 } from "../../src/digest.ts";
import { run } from "../../src/run.ts";

export const archiveName = "deb.debian.org";
export const packageName = "imagectl-hello";

/** One line of sources.list(5). */
export const archiveSource = `deb [trusted=yes] http://${archiveName}/debian lab main`;
const packagePath = `pool/main/i/${packageName}/${packageName}_1_all.deb`;
export const packageAt = `${archiveName}/debian/${packagePath}`;

/** @param folder to build the package in. @returns what is at each `NAME/PATH`. */
export async function makeDebianArchive(folder: string): Promise<Map<string, string | Buffer>> {
  const control = [
    `Package: ${packageName}`,
    "Version: 1",
    "Architecture: all",
    "Maintainer: nobody <nobody@example.org>",
    "Description: says nothing",
  ];
  const built = join(folder, "package.deb");
  mkdirSync(join(folder, "tree/DEBIAN"), { recursive: true });
  writeFileSync(join(folder, "tree/DEBIAN/control"), `${control.join("\n")}\n`);
  await run("dpkg-deb", ["--root-owner-group", "--build", join(folder, "tree"), built]);
  const bytes = readFileSync(built);
  const entry = [...control, `Filename: ${packagePath}`, `Size: ${bytes.length}`, `SHA256: ${sha256(bytes)}`];
  const packages = `${entry.join("\n")}\n\n`;
  const index = "main/binary-amd64/Packages";
  const release = [
    "Origin: Debian",
    "Suite: lab",
    "Date: Sat, 01 Jan 2022 00:00:00 UTC",
    "Components: main",
    "Architectures: amd64",
    "SHA256:",
    ` ${sha256(Buffer.from(packages))} ${Buffer.byteLength(packages)} ${index}`,
  ];
  const at = (path: string): string => `${archiveName}/debian/${path}`;
  return new Map<string, string | Buffer>([
    [at("dists/lab/Release"), `${release.join("\n")}\n`],
    [at(`dists/lab/${index}`), packages],
    [packageAt, bytes],
    [at("dists/stable/InRelease"), `${release.join("\n")}\n`],
  ]);
}
