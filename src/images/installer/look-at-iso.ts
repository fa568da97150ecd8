/** Looks at an ISO from end to end for a report: what it says, holds and sums up to. A door: it keeps a scratch folder. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ImagectlError } from "../../errors.ts";
import type { StepProgress } from "../step-progress.ts";
import {
  expectIso,
  type IdentifiedIso,
  type IsoRequest,
  identifyIso,
  readSignedSums,
  sumsFileOf,
} from "./check-iso.ts";
import { type IsoFindings, initrdPaths, uuidPath } from "./facts.ts";
import { readInitrd } from "./initrd.ts";
import { type Installer, isOfRelease } from "./installers.ts";
import { extractFromIso, hashIso } from "./iso-file.ts";
import { kernelVersion } from "./x86-kernel.ts";

/** Where livecd-rootfs puts the newer kernel of a point release. Nobody looked: that is what the report is for. */
const hweKernelPath = "casper/hwe-vmlinuz";

export type LookOptions = {
  readonly installers: readonly Installer[];
  readonly progress: StepProgress;
  readonly signal: AbortSignal;
};

export type LookedAt = { readonly installer: Installer; readonly findings: IsoFindings };

/** @throws ImagectlError ISO_UNREADABLE, ISO_UNKNOWN, ISO_CUT_SHORT; everything else is a finding. */
export async function lookAtIso(request: IsoRequest, options: LookOptions): Promise<LookedAt> {
  const { installers, progress, signal } = options;
  const { installer, identified, origin } = await progress("look at it and its signature", async () => {
    const found = await identifyIso(request.file, signal);
    const own = installerOf(found, installers, request.file);
    const value = { identified: found, installer: own, origin: await findOrigin(request, found, own) };
    return { value, result: `${found.info.edition} ${found.info.version} for ${found.info.architecture}` };
  });
  const { iso, info, files } = identified;
  const sha256 = await progress("sum it up", async (tell) => {
    const value = await hashIso(iso.path, { onBytes: (bytes) => tell(bytes, iso.bytes), signal });
    return { value, result: value.slice(0, 12) };
  });
  const contents = await progress("look into it", async () => ({
    value: await readContents(identified, installer, signal),
  }));
  return { installer, findings: { info, bytes: iso.bytes, files, sha256, ...origin, ...contents } };
}

function installerOf({ info }: IdentifiedIso, installers: readonly Installer[], file: string): Installer {
  const { version, edition } = info;
  const own = installers.find((installer) => isOfRelease(installer, version));
  if (own !== undefined && edition.startsWith("Ubuntu")) return own;
  throw new ImagectlError(
    "ISO_UNKNOWN",
    `${file} is ${edition} ${version}, of which imagectl knows nothing`,
    {
      hint: `It knows ${installers.map(({ title }) => title).join(", ")}`,
    },
  );
}

async function findOrigin(request: IsoRequest, identified: IdentifiedIso, installer: Installer) {
  try {
    const { sha256 } = expectIso(identified, await readSignedSums(sumsFileOf(request), installer), installer);
    return { signedSha256: sha256, unsigned: undefined };
  } catch (error) {
    if (!(error instanceof ImagectlError) || error.code !== "ISO_UNSIGNED") throw error;
    return { signedSha256: undefined, unsigned: error.message };
  }
}

async function readContents({ iso, files }: IdentifiedIso, { files: known }: Installer, signal: AbortSignal) {
  const folder = await mkdtemp(join(tmpdir(), "imagectl-look-"));
  try {
    const texts = [
      known.sources,
      uuidPath,
      ...[...files.keys()].filter((path) => path.endsWith(".manifest")),
    ];
    const wanted = [known.kernel, known.initrd, hweKernelPath, ...texts].filter((path) => files.has(path));
    const places = new Map(wanted.map((path, index) => [path, join(folder, String(index))]));
    const extracted = [...places].map(([path, target]) => ({ path, target }));
    if (extracted.length > 0) await extractFromIso(iso, extracted, signal);
    const read = async (path: string) => {
      const place = places.get(path);
      return place === undefined ? Buffer.alloc(0) : readFile(place);
    };
    const initrd = readInitrd(await read(known.initrd), Object.values(initrdPaths));
    const found: [string, string][] = [];
    for (const path of texts) if (places.has(path)) found.push([path, (await read(path)).toString("utf8")]);
    return {
      kernel: kernelVersion(await read(known.kernel)),
      hweKernel: kernelVersion(await read(hweKernelPath)),
      texts: new Map(found),
      initrd: {
        compression: initrd.compression,
        texts: new Map([...initrd.files].map(([path, content]) => [path, content.toString("utf8")])),
      },
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
