/** A tiny archive as Debian's mirrors have it: one package, in a suite that its users must be told to trust. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sha256 } from "../../src/digest.ts";
import { run } from "../../src/run.ts";

export const archiveName = "deb.debian.org";
export const packageName = "imagectl-hello";

/** What Ubuntu's archives have at their names; here it is the same list. */
export const ubuntuLists = [
  "archive.ubuntu.com/ubuntu/dists/noble/InRelease",
  "security.ubuntu.com/ubuntu/dists/noble-security/InRelease",
] as const;

/** One line of sources.list(5). */
export const archiveSource = `deb [trusted=yes] http://${archiveName}/debian lab main`;
const packagePath = `pool/main/i/${packageName}/${packageName}_1_all.deb`;
export const packageAt = `${archiveName}/debian/${packagePath}`;

/** @param folder to build the package in. @returns what is at each `NAME/PATH`. */
export async function makeDebianArchive(folder: string): Promise<Map<string, string | Buffer>> {
  const { bytes, index } = await makePackage(folder, packagePath);
  const indexPath = "main/binary-amd64/Packages";
  const release = releaseOf(["Origin: Debian", "Suite: lab", "Components: main"], indexPath, index);
  const at = (path: string): string => `${archiveName}/debian/${path}`;
  return new Map<string, string | Buffer>([
    [at("dists/lab/Release"), release],
    [at(`dists/lab/${indexPath}`), index],
    [packageAt, bytes],
    [at("dists/stable/InRelease"), release],
    ...ubuntuLists.map((list) => [list, release] as const),
  ]);
}

/** The same package in an archive of one folder. @returns what is at each path of it; Release is not signed. */
export async function makeFlatArchive(folder: string): Promise<Map<string, string | Buffer>> {
  const name = `${packageName}_1_all.deb`;
  const { bytes, index } = await makePackage(folder, `./${name}`);
  const release = releaseOf(["Origin: lab"], "Packages", index);
  return new Map<string, string | Buffer>([
    ["Release", release],
    ["Packages", index],
    [name, bytes],
  ]);
}

async function makePackage(folder: string, path: string): Promise<{ bytes: Buffer; index: string }> {
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
  const entry = [...control, `Filename: ${path}`, `Size: ${bytes.length}`, `SHA256: ${sha256(bytes)}`];
  return { bytes, index: `${entry.join("\n")}\n\n` };
}

function releaseOf(about: readonly string[], indexPath: string, index: string): string {
  const lines = [
    ...about,
    "Date: Sat, 01 Jan 2022 00:00:00 UTC",
    "Architectures: amd64",
    "SHA256:",
    ` ${sha256(Buffer.from(index))} ${Buffer.byteLength(index)} ${indexPath}`,
  ];
  return `${lines.join("\n")}\n`;
}
