/** Checks an ISO before anything is made of it: quick and telling checks first, the long one last. */
import { dirname, join } from "node:path";
import { ImagectlError } from "../../errors.ts";
import { type DiskInfo, parseDiskInfo } from "./disk-info.ts";
import { fetchSumsCommand, requireIdentity, type Wanted } from "./identity.ts";
import { type Installer, isoFileName } from "./installers.ts";
import { type IsoFile, listIso, openIso, readBeside, readFromIso } from "./iso-file.ts";
import { verifySignature } from "./signature.ts";
import { parseSums, requireGood } from "./sums.ts";

/** Where an ISO says what it is. */
const infoPath = ".disk/info";

/** Bytes. Ours; those that are known have a hundred. */
const mostInfoBytes = 4096;

/** An ISO that says what it is. Nobody has vouched for it yet. */
export type IdentifiedIso = {
  readonly iso: IsoFile;
  readonly info: DiskInfo;
  /** Sizes in bytes by path. */
  readonly files: ReadonlyMap<string, number>;
};

/** @throws ImagectlError ISO_UNREADABLE, ISO_UNKNOWN, ISO_CUT_SHORT, ISO_ALTERED. */
export async function identifyIso(path: string, signal: AbortSignal): Promise<IdentifiedIso> {
  const iso = await openIso(path);
  const files = await listIso(iso, signal);
  // What is longer is no line.
  const isShort = (files.get(infoPath) ?? mostInfoBytes) < mostInfoBytes;
  const text = isShort ? (await readFromIso(iso, infoPath, signal)).toString("utf8") : "";
  const info = parseDiskInfo(text);
  if (info !== undefined) return { iso, info, files };
  const what = text === "" ? `it has no ${infoPath}` : `its ${infoPath} says: ${text.trim().slice(0, 120)}`;
  throw new ImagectlError("ISO_UNKNOWN", `${path} is an ISO, but of no system that imagectl knows: ${what}`, {
    hint: "Name the ISO as its vendor publishes it; a remastered one is not signed",
  });
}

/** The list of sums, vouched for by the vendor's key. */
export type SignedSums = ReadonlyMap<string, string>;

/**
 * @param file SHA256SUMS; its signature has the same name and `.gpg`.
 * @throws ImagectlError ISO_UNSIGNED.
 */
export async function readSignedSums(file: string, installer: Installer): Promise<SignedSums> {
  const hint = `Bring both, in that folder: ${fetchSumsCommand(installer)}`;
  const [sums, signature] = [await readBeside(file), await readBeside(`${file}.gpg`)];
  if (sums === undefined || signature === undefined) {
    const missing = sums === undefined ? file : `${file}.gpg`;
    throw new ImagectlError("ISO_UNSIGNED", `nobody vouches for the ISO: ${missing} is missing`, { hint });
  }
  return verifySums({ sums, signature, what: file, hint }, installer);
}

export type SumsToVerify = {
  readonly sums: Buffer;
  /** Detached. */
  readonly signature: Buffer;
  /** Where the sums are from. */
  readonly what: string;
  /** What to do where the signature is not the pinned key's. */
  readonly hint: string;
};

/** @throws ImagectlError ISO_UNSIGNED. */
export async function verifySums(
  { sums, signature, what, hint }: SumsToVerify,
  { signingKey }: Installer,
): Promise<SignedSums> {
  requireGood(await verifySignature(sums, signature, signingKey), what, signingKey.owner, hint);
  return parseSums(sums.toString("utf8"));
}

/** An ISO that is the wanted one, and what its bytes must be. */
export type ExpectedIso = IdentifiedIso & {
  /** As its vendor publishes it, whatever the file is called here. */
  readonly name: string;
  /** From the signed list. */
  readonly sha256: string;
};

export type IsoRequest = {
  readonly file: string;
  /** Default: SHA256SUMS beside the ISO. */
  readonly sums?: string | undefined;
};

/** @returns where the list of sums of an ISO is looked for. */
export function sumsFileOf({ file, sums }: IsoRequest): string {
  return sums ?? join(dirname(file), "SHA256SUMS");
}

/**
 * What an ISO says of itself comes before its signature: "this is a desktop ISO" helps more than "fetch its SHA256SUMS",
 * and until its own sum was compared nothing is taken from it.
 * @throws ImagectlError as `identifyIso`, `requireIdentity` and `readSignedSums` do.
 */
export async function checkIso(
  request: IsoRequest,
  wanted: Wanted,
  signal: AbortSignal,
): Promise<ExpectedIso> {
  const identified = await identifyIso(request.file, signal);
  requireIdentity(wanted, identified.info, request.file);
  return expectIso(identified, await readSignedSums(sumsFileOf(request), wanted.installer), wanted.installer);
}

/** @throws ImagectlError ISO_UNSIGNED when the list is one of other ISOs. */
export function expectIso(identified: IdentifiedIso, sums: SignedSums, installer: Installer): ExpectedIso {
  const { version, architecture } = identified.info;
  const name = isoFileName(version, architecture);
  const sha256 = sums.get(name);
  if (sha256 !== undefined) return { ...identified, name, sha256 };
  const { current, old } = installer.places;
  throw new ImagectlError("ISO_UNSIGNED", `nobody vouches for the ISO: SHA256SUMS has no line for ${name}`, {
    hint: `Take SHA256SUMS and SHA256SUMS.gpg from the folder that the ISO is from, ${current} or ${old}${version}/`,
  });
}

/** @throws ImagectlError ISO_ALTERED. */
export function requireSum(
  expected: { readonly name: string; readonly sha256: string },
  file: string,
  sha256: string,
): void {
  if (sha256 === expected.sha256) return;
  throw new ImagectlError(
    "ISO_ALTERED",
    `${file} is not ${expected.name} as it was signed: its SHA-256 is ${sha256} instead of ${expected.sha256}`,
    {
      hint: "Copy or download it again; where it stays so, its medium or the memory of this machine may be broken",
    },
  );
}

/** @throws ImagectlError ISO_INCOMPLETE, with every path that is missing. */
export function requireFiles(
  { files: known }: Installer,
  { name, files }: Pick<ExpectedIso, "name" | "files">,
): void {
  const { kernel, initrd, sources, layers } = known;
  const missing = [kernel, initrd, sources, ...layers].filter((path) => !files.has(path));
  if (missing.length === 0) return;
  throw new ImagectlError("ISO_INCOMPLETE", `${name} lacks ${missing.join(", ")}`, {
    hint: `This version of imagectl does not know its layout. Send us what it finds: imagectl selftest --iso FILE`,
  });
}
