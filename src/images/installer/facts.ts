/** What imagectl believes of a vendor's ISO, held against what was found in one. Pure. */
import { z } from "zod";
import { parseYamlFile } from "../../yaml-file.ts";
import type { DiskInfo } from "./disk-info.ts";
import { type Installer, neededRamMiB } from "./installers.ts";

/** Paths in the initrd that say how casper behaves. */
export const initrdPaths = {
  script: "scripts/casper",
  bootsCasper: "conf/conf.d/default-boot-to-casper.conf",
  layer: "conf/conf.d/default-layer.conf",
  uuid: "conf/uuid.conf",
} as const;

/** Where the ISO repeats the initrd's own number: casper takes no other ISO. */
export const uuidPath = ".disk/casper-uuid-generic";

export type IsoFindings = {
  readonly info: DiskInfo;
  readonly bytes: number;
  /** Sizes by path, bytes. */
  readonly files: ReadonlyMap<string, number>;
  readonly sha256: string;
  /** From the signed list; undefined where it does not vouch for this ISO, and `unsigned` says why. */
  readonly signedSha256: string | undefined;
  readonly unsigned: string | undefined;
  readonly kernel: string | undefined;
  readonly hweKernel: string | undefined;
  /** Texts of small files, by path; those that are there. */
  readonly texts: ReadonlyMap<string, string>;
  readonly initrd: { readonly compression: string | undefined; readonly texts: ReadonlyMap<string, string> };
};

export type Fact = {
  readonly claim: string;
  readonly verdict: "holds" | "differs" | "unknown";
  /** What there is; empty where the claim says it. */
  readonly found: string;
};

const fact = (claim: string, holds: boolean, found = ""): Fact => ({
  claim,
  verdict: holds ? "holds" : "differs",
  found,
});
const unknown = (claim: string, found: string): Fact => ({ claim, verdict: "unknown", found });

/** @returns a fact for each thing that installing a node from it relies on, or will. */
export function judgeFindings(installer: Installer, findings: IsoFindings): Fact[] {
  return [
    ...judgeOrigin(installer, findings),
    ...judgeFiles(installer, findings),
    ...judgeSources(installer, findings),
    ...judgeInitrd(installer, findings),
    judgeSnap(findings),
  ];
}

function judgeOrigin(
  installer: Installer,
  { info, bytes, sha256, signedSha256, unsigned }: IsoFindings,
): Fact[] {
  const { edition, pointReleases } = installer;
  const neededMiB = neededRamMiB(installer, bytes);
  return [
    fact(`it is the live server's (${edition})`, info.edition === edition, info.edition),
    fact("it is for amd64", info.architecture === "amd64", info.architecture),
    signedSha256 === undefined
      ? unknown("its sum is signed by the pinned key", unsigned ?? "")
      : fact("its sum is the signed one", sha256 === signedSha256, sha256),
    pointReleases.includes(info.version)
      ? fact("it is a point release that imagectl knows", true, info.version)
      : unknown(
          "it is a point release that imagectl knows",
          `${info.version}, not one of ${pointReleases.join(", ")}`,
        ),
    fact(
      `${installer.minRamMiB} MiB of memory are enough for it`,
      neededMiB <= installer.minRamMiB,
      `${bytes} bytes, so ${neededMiB} MiB`,
    ),
  ];
}

function judgeFiles({ files: known }: Installer, { files, kernel, hweKernel }: IsoFindings): Fact[] {
  const paths = [known.kernel, known.initrd, known.sources, uuidPath, ...known.layers];
  return [
    ...paths.map((path) => fact(`it has ${path}`, files.has(path))),
    fact(
      `${known.kernel} is a kernel for x86`,
      kernel !== undefined,
      kernel === undefined ? "" : `Linux ${kernel}`,
    ),
    hweKernel === undefined
      ? unknown("it has a second, newer kernel (HWE)", "none under casper/hwe-vmlinuz")
      : fact("it has a second, newer kernel (HWE)", true, `Linux ${hweKernel}`),
  ];
}

/** Version 1 is a list; 2, of 26.04, has it under `sources`. Source: subiquity, its catalogue's loader. */
const Source = z.object({ id: z.string(), path: z.string(), default: z.boolean().optional() });
const Sources = z.union([
  z.array(Source),
  z.object({ version: z.literal(2), sources: z.array(Source) }).transform(({ sources }) => sources),
]);

/** What an autoinstall document that names no source gets. */
const serverSource = "ubuntu-server";

function judgeSources({ files: known }: Installer, { files, texts }: IsoFindings): Fact[] {
  const claim = `${known.sources} is read`;
  const text = texts.get(known.sources);
  if (text === undefined) return [unknown(claim, "it is missing")];
  const parsed = Sources.safeParse(parseYamlFile(text, known.sources, { version: "1.1" }).value);
  if (!parsed.success) return [fact(claim, false, text.slice(0, 200))];
  const sources = parsed.data;
  const missing = sources.map(({ path }) => `casper/${path}`).filter((path) => !files.has(path));
  const chosen = sources.find((source) => source.default === true)?.id ?? sources[0]?.id ?? "none";
  return [
    fact(claim, true, sources.map(({ id }) => id).join(", ")),
    fact("each source's layer is there", missing.length === 0, missing.join(", ")),
    fact(`${serverSource} is what is installed by default`, chosen === serverSource, chosen),
  ];
}

function judgeInitrd(installer: Installer, { files, texts, initrd }: IsoFindings): Fact[] {
  const script = initrd.texts.get(initrdPaths.script);
  if (script === undefined) {
    const found = `${initrd.compression ?? "unknown"} compression; no ${initrdPaths.script} in it`;
    return [unknown("casper is in the initrd", found)];
  }
  const layer = /LAYERFS_PATH=["']?([^"'\s]+)/.exec(initrd.texts.get(initrdPaths.layer) ?? "")?.[1];
  const [own, isos] = [initrd.texts.get(initrdPaths.uuid)?.trim(), texts.get(uuidPath)?.trim()];
  const boot = initrd.texts.get(initrdPaths.bootsCasper) ?? "";
  return [
    fact("casper is in the initrd", true, `${initrd.compression} compression`),
    fact("it boots casper without being told so", /BOOT=["']?casper/.test(boot), boot.trim()),
    fact(
      "the layer that it starts is there",
      layer !== undefined && files.has(`casper/${layer}`),
      layer ?? "none",
    ),
    fact("its number is the ISO's", own !== undefined && own === isos, `${own ?? "none"}, ${isos ?? "none"}`),
    judgeArgument(installer, script),
  ];
}

function judgeArgument({ isoArgument }: Installer, script: string): Fact {
  const claim = `casper is told by ${isoArgument}= where its ISO is`;
  const lines = script.split("\n").filter((line) => /\b(iso-)?url=/.test(line));
  const form = isoArgument === "url" ? /(^|[^-\w])url=\*\.iso\)/m : /(^|[^\w])iso-url=/m;
  return fact(
    claim,
    form.test(script),
    lines
      .map((line) => line.trim())
      .join(" | ")
      .slice(0, 200),
  );
}

/** livecd-rootfs lists packages and snaps of each layer beside it. */
function judgeSnap({ texts }: IsoFindings): Fact {
  const claim = "the installer's version can be seen";
  const lines = [...texts].flatMap(([path, text]) => (path.endsWith(".manifest") ? text.split("\n") : []));
  const found = lines.find((line) => /^snap:subiquity\b/.test(line));
  return found === undefined
    ? unknown(claim, "no manifest of a layer names the snap subiquity")
    : fact(claim, true, found.replaceAll("\t", " "));
}
