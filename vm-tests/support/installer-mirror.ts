/**
 * What the mirror of a build machine lacks for Debian's installer. Its newest index names parts (.udeb) that are not
 * there; older ones that are there are put into the index instead, and the installer's kernel is of that time. So the
 * index is not the signed one, and the installer is told not to ask; packages of the system itself come as they are.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { sha256 } from "../../src/digest.ts";
import { findDebian } from "../../src/images/catalogue.ts";
import { debianInstallerPlanKey } from "../../src/images/installer-recipe.ts";
import { installerBootNames } from "../../src/images/manifests.ts";
import { readRecipeFiles } from "../../src/images/recipe-files.ts";
import { keyPaths } from "../../src/keys.ts";
import type { Namespace } from "../../src/namespace.ts";
import { statePaths } from "../../src/paths.ts";
import { run } from "../../src/run.ts";
import { openStore } from "../../src/store/store.ts";
import { openPackageProxy, type PackageProxy } from "./package-proxy.ts";

const os = findDebian("debian-13");
/** As the machines ask for it. */
const mirror = os.archives[0]?.uri ?? "";
const suite = "dists/trixie";
const indexPath = "main/debian-installer/binary-amd64/Packages";

/** Parts that are still there, for those that the index names and that are not. */
const older = [
  ...["libblkid1", "libfdisk1", "fdisk", "libmount1", "libuuid1", "util-linux", "libsmartcols1"].map(
    (name) => `pool/main/u/util-linux/${name}-udeb_2.41-5_amd64.udeb`,
  ),
  "pool/main/e/e2fsprogs/e2fsprogs-udeb_1.47.2-3+b11_amd64.udeb",
  "pool/main/p/pcre2/libpcre2-8-0-udeb_10.46-1~deb13u1_amd64.udeb",
];

/** An installer whose kernel's modules are still there: point release 6. */
const olderInstaller =
  "pool/main/d/debian-installer-netboot-images/debian-installer-13-netboot-amd64_20250803+deb13u6_all.deb";

/**
 * Publishes the installer in the tests' store anew, with the older kernel and initrd of Debian's beside what is ours.
 * @param state that of the tests. @param scratch an empty folder.
 */
export async function takeOlderInstaller(state: string, scratch: string): Promise<void> {
  const paths = statePaths({ IMAGECTL_STATE: state });
  const store = openStore(paths.store);
  const newest = await store.findNewest(debianInstallerPlanKey(os, await readRecipeFiles()));
  if (newest === undefined) throw new Error("there is no installer of debian-13 in the tests' store");
  await run("sh", ["-c", 'cat >"$0/installer.deb" && dpkg-deb --extract "$0/installer.deb" "$0"', scratch], {
    input: await fetchBytes(olderInstaller),
  });
  const folder = join(scratch, os.installer.folder);
  const boot = [
    await store.addBlob({ name: installerBootNames.kernel, path: join(folder, "linux") }),
    await store.addBlob({ name: installerBootNames.initrd, path: join(folder, "initrd.gz") }),
  ];
  const others = newest.manifest.artefacts.filter(({ name }) => !boot.some((one) => one.name === name));
  const createdAt = new Date().toISOString();
  const manifest = { ...newest.manifest, createdAt, artefacts: [...others, ...boot] };
  await store.publish(manifest, readFileSync(keyPaths(paths.keys).manifest.privateKey, "utf8"));
}

async function fetchBytes(path: string): Promise<Buffer> {
  const response = await fetch(`${mirror}/${path}`);
  if (!response.ok) throw new Error(`${mirror}/${path}: ${response.status}`);
  return Buffer.from(await response.arrayBuffer());
}

async function isThere(path: string): Promise<boolean> {
  return (await fetch(`${mirror}/${path}`, { method: "HEAD" })).ok;
}

/** @param scratch a folder to look into packages in. @returns the index of parts that the mirror has. */
async function makeIndex(scratch: string): Promise<string> {
  const packed = await fetchBytes(`${suite}/${indexPath}.xz`);
  const { stdout } = await run("xz", ["--decompress", "--stdout"], { input: packed });
  const entries = stdout.split("\n\n").filter((entry) => entry.trim() !== "");
  const fileOf = (entry: string): string => /^Filename: (.*)$/m.exec(entry)?.[1] ?? "";
  const there = new Array<boolean>(entries.length);
  let next = 0;
  const look = async (): Promise<void> => {
    for (let index = next++; index < entries.length; index = next++) {
      there[index] = await isThere(fileOf(entries[index] ?? ""));
    }
  };
  await Promise.all(Array.from({ length: 8 }, look));
  const kept = entries.filter((_entry, index) => there[index]);
  const added = [];
  for (const path of older) {
    const bytes = await fetchBytes(path);
    const { stdout: control } = await run("sh", ["-c", 'cat >"$0/part" && dpkg-deb -f "$0/part"', scratch], {
      input: bytes,
    });
    added.push(`${control.trim()}\nFilename: ${path}\nSize: ${bytes.length}\nSHA256: ${sha256(bytes)}`);
  }
  return `${[...kept, ...added].join("\n\n")}\n\n`;
}

/** The signed list of indexes, with one sum of ours: for who does not check its signature. */
async function makeRelease(index: string): Promise<string> {
  const text = (await fetchBytes(`${suite}/Release`)).toString();
  const others = text.split("\n").filter((line) => !line.includes(` ${indexPath}`));
  const ours = ` ${sha256(Buffer.from(index))} ${Buffer.byteLength(index)} ${indexPath}`;
  return others.flatMap((line) => (line === "SHA256:" ? [line, ours] : [line])).join("\n");
}

/**
 * @param place the bastion's namespace. @param settings of the proxy.
 * @returns a proxy that has the installer's index and list as they are above.
 */
export async function openInstallerMirror(
  place: Namespace,
  settings: { readonly address: string; readonly port: number; readonly scratch: string },
): Promise<PackageProxy> {
  const index = await makeIndex(settings.scratch);
  const own = new Map([
    [`${mirror}/${suite}/Release`, await makeRelease(index)],
    [`${mirror}/${suite}/${indexPath}`, index],
  ]);
  return openPackageProxy(place, { ...settings, own });
}
