/**
 * An archive with the layout, the suites and the names of Ubuntu's, signed by a key of its own. Its packages are
 * Debian's: what is proved with it is how an image is built and brought, and not how Ubuntu's packages behave.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { openApt } from "../../src/images/apt.ts";
import { findDebian, findOperatingSystem } from "../../src/images/catalogue.ts";
import { makeKey } from "../../src/images/installer/stand-in.test-data.ts";
import { run } from "../../src/run.ts";
import { makePackage, releaseOf } from "./debian-archive.ts";

export type StandInArchive = {
  /** A source of apt in deb822 format. */
  readonly source: string;
  close(): Promise<void>;
};

export type StandInArchiveOptions = {
  readonly os: "ubuntu-22.04" | "ubuntu-24.04";
  /** What it must have beside the base of an image. */
  readonly packages: readonly string[];
  readonly cache: string;
  /** An empty folder. */
  readonly scratch: string;
};

const debian = findDebian("debian-13");

/** Serves it on loopback. */
export async function openStandInArchive(options: StandInArchiveOptions): Promise<StandInArchive> {
  const os = findOperatingSystem(options.os);
  const { cache, scratch } = options;
  const apt = await openApt({ os: debian, cache, signal: new AbortController().signal, onLine: () => {} });
  // Its kernel, and what Debian 13 does not count as essential.
  const kernel = [debian.kernelPackage, "linux-sysctl-defaults", "login"];
  const packages = ["?essential", ...os.basePackages, ...kernel, ...options.packages];
  const lock = await apt.resolve({ os: debian.id, packages }, new Date());
  await apt.download(lock);
  const folder = join(scratch, "archive");
  await apt.makeRepository(lock, folder);
  const metaPackage = { name: os.kernelPackage, path: `./${os.kernelPackage}.deb`, depends: kernel };
  const { bytes, index } = await makePackage(scratch, metaPackage);
  writeFileSync(join(folder, metaPackage.path), bytes);
  const all = `${readFileSync(join(folder, "Packages"), "utf8")}${index}`;

  const key = await makeKey("Test archive key");
  const pages = new Map<string, string>();
  for (const suite of os.archives.flatMap(({ suites }) => suites)) {
    const indexes = new Map(
      os.components.map((component) => [
        `${component}/binary-amd64/Packages`,
        suite === os.codename && component === "main" ? all : "",
      ]),
    );
    const components = `Components: ${os.components.join(" ")}`;
    const release = releaseOf(
      ["Origin: Ubuntu", `Suite: ${suite}`, `Codename: ${os.codename}`, components],
      indexes,
    );
    pages.set(`/dists/${suite}/InRelease`, await clearSign(release, key.home));
    for (const [path, text] of indexes) pages.set(`/dists/${suite}/${path}`, text);
  }
  const server = createServer(({ url = "" }, response) => {
    const page = pages.get(url) ?? readPackage(folder, url);
    response.writeHead(page === undefined ? 404 : 200).end(page);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const suites = os.archives.flatMap((archive) => archive.suites).join(" ");
  return {
    source: [
      "Types: deb",
      `URIs: http://127.0.0.1:${port}`,
      `Suites: ${suites}`,
      `Components: ${os.components.join(" ")}`,
      `Signed-By: ${key.keyring}`,
      "",
    ].join("\n"),
    close: async () => {
      server.closeAllConnections();
      server.close();
      await key.close();
      rmSync(folder, { recursive: true });
    },
  };
}

async function clearSign(text: string, home: string): Promise<string> {
  const { stdout } = await run("gpg", ["--homedir", home, "--batch", "--quiet", "--clear-sign"], {
    input: text,
  });
  return stdout;
}

function readPackage(folder: string, url: string): Buffer | undefined {
  const [name] = /[^/]+\.deb$/.exec(url) ?? [];
  return name === undefined ? undefined : readFileSync(join(folder, name));
}
