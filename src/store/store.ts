/** The content-addressed store of images: a door. A manifest appears last, so what is listed is whole. */
import { mkdir, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { sha256, sha256Pattern } from "../digest.ts";
import { diskFull, isDiskFull } from "../disk-full.ts";
import { type Finding, ImagectlError } from "../errors.ts";
import { exists, hashFile, moveFile, placeFile, readIfThere, sizeOf } from "./file-system.ts";
import { checkArtefact, manifestDamaged, manifestUnsigned, shortId } from "./findings.ts";
import { type Artefact, type Image, Manifest } from "./manifest.ts";
import { isSignedBy, publicKeyOf, signManifest } from "./signature.ts";

/** An artefact that is still a file of the builder. It moves into the store. */
export type NewArtefact = { readonly name: string; readonly path: string };

export type StoreListing = {
  /** Newest first. */
  readonly images: readonly Image[];
  /** Manifests that cannot be read; their images are not listed. */
  readonly findings: readonly Finding[];
};

export type Store = {
  readonly directory: string;
  /** Where the bytes of an artefact lie, whether or not they are there. */
  blobPath(sha256: string): string;
  /** For small ones. @throws ImagectlError IMAGE_DAMAGED when it is missing or its bytes are others. */
  readBlob(sha256: string): Promise<Buffer>;
  /**
   * Moves a builder's file into the store. Until a manifest names it, `prune` may take it away again.
   * @throws ImagectlError DISK_FULL; what is in the store stays as it was.
   */
  addBlob(file: NewArtefact): Promise<Artefact>;
  /**
   * Makes an image visible: signature first, manifest last.
   * @param signingKeyPem Ed25519, PKCS #8 PEM.
   * @throws ImagectlError IMAGE_DAMAGED when an artefact's blob is not in the store, STORE_KEY_DIFFERS when
   *   the store's images are signed by another key, DISK_FULL.
   */
  publish(manifest: Manifest, signingKeyPem: string): Promise<Image>;
  list(): Promise<StoreListing>;
  /**
   * @param id whole, or its first digits (at least four).
   * @throws ImagectlError IMAGE_UNKNOWN, IMAGE_AMBIGUOUS, IMAGE_DAMAGED.
   */
  show(id: string): Promise<Image>;
  /** @returns the newest readable image for a plan; undefined when there is none. */
  findNewest(planKey: string): Promise<Image | undefined>;
  /**
   * Reads every byte of an image again.
   * @param names only these artefacts of it, beside manifest and signature; of the others only the size.
   * @returns nothing when it is exactly what was published.
   */
  verify(id: string, names?: readonly string[]): Promise<Finding[]>;
  /** Removes one manifest; its blobs stay until `prune`. */
  remove(id: string): Promise<void>;
  /**
   * Removes unreadable manifests, signatures without a manifest, blobs that no manifest names, and what
   * interrupted publishers left.
   * @param before blobs that came later stay: a builder may be about to name them.
   * @returns the bytes that became free.
   */
  prune(before: Date): Promise<number>;
};

/** @param directory made when it is missing and something is published. */
export function openStore(directory: string): Store {
  const folders = storeFolders(directory);
  return {
    directory,
    blobPath: folders.blob,
    readBlob: (digest) => readBlob(folders, digest),
    addBlob: (file) => addBlob(folders, file),
    publish: (manifest, signingKeyPem) => publish(folders, manifest, signingKeyPem),
    list: () => list(folders),
    show: (id) => show(folders, id),
    findNewest: async (planKey) =>
      (await list(folders)).images.find((image) => image.manifest.planKey === planKey),
    verify: (id, names) => verify(folders, id, names),
    remove: async (id) => {
      await rm(folders.manifest(id), { force: true });
      await rm(folders.signature(id), { force: true });
    },
    prune: (before) => prune(folders, before),
  };
}

type StoreFolders = ReturnType<typeof storeFolders>;

function storeFolders(directory: string) {
  const blobs = join(directory, "blobs/sha256");
  const images = join(directory, "images");
  return {
    directory,
    blobs,
    images,
    scratch: join(directory, "tmp"),
    publicKey: join(directory, "manifest-key.pem"),
    blob: (digest: string) => join(blobs, digest),
    manifest: (id: string) => join(images, `${id}.json`),
    signature: (id: string) => join(images, `${id}.sig`),
  };
}

async function withScratch<Result>(
  folders: StoreFolders,
  use: (scratch: string) => Promise<Result>,
): Promise<Result> {
  let scratch: string | undefined;
  try {
    await mkdir(folders.scratch, { recursive: true, mode: 0o755 });
    scratch = await mkdtemp(join(folders.scratch, "new-"));
    return await use(scratch);
  } catch (error) {
    throw isDiskFull(error) ? diskFull(folders.directory, "nothing was added to the store", error) : error;
  } finally {
    if (scratch !== undefined) await rm(scratch, { recursive: true, force: true });
  }
}

async function readBlob(folders: StoreFolders, digest: string): Promise<Buffer> {
  const bytes = await readIfThere(folders.blob(digest));
  if (bytes !== undefined && sha256(bytes) === digest) return bytes;
  throw new ImagectlError("IMAGE_DAMAGED", `the blob ${digest} is missing from the store or was altered`, {
    hint: "Find the image that it belongs to: imagectl images verify",
  });
}

async function addBlob(folders: StoreFolders, file: NewArtefact): Promise<Artefact> {
  const stored = await hashFile(file.path);
  if (stored === undefined) {
    throw new ImagectlError("IMAGE_DAMAGED", `${file.name} was never made: ${file.path} does not exist`, {
      hint: "Build it again from the start: imagectl build --os OS --update",
    });
  }
  // Even where the name exists already: that file may have been damaged since.
  await withScratch(folders, (scratch) =>
    moveFile(file.path, join(scratch, "blob"), folders.blob(stored.sha256)),
  );
  return { name: file.name, ...stored };
}

async function publish(folders: StoreFolders, manifest: Manifest, signingKeyPem: string): Promise<Image> {
  const bytes = Buffer.from(`${JSON.stringify(Manifest.parse(manifest), null, 2)}\n`);
  const image: Image = { id: sha256(bytes), manifest };
  for (const artefact of manifest.artefacts) {
    if (await exists(folders.blob(artefact.sha256))) continue;
    throw new ImagectlError("IMAGE_DAMAGED", `${artefact.name} is not in the store: ${artefact.sha256}`, {
      hint: `Build it again: imagectl build --os ${manifest.os}`,
    });
  }
  await withScratch(folders, async (scratch) => {
    await offerPublicKey(folders, join(scratch, "key"), publicKeyOf(signingKeyPem));
    const signature = signManifest(bytes, signingKeyPem);
    await placeFile(signature, join(scratch, "signature"), folders.signature(image.id));
    await placeFile(bytes, join(scratch, "manifest"), folders.manifest(image.id));
  });
  return image;
}

/** Verifiers need no access to the private keys' folder: the public half lies beside the images. */
async function offerPublicKey(folders: StoreFolders, scratch: string, publicKeyPem: string): Promise<void> {
  const there = await readIfThere(folders.publicKey);
  if (there === undefined) return placeFile(publicKeyPem, scratch, folders.publicKey);
  if (there.toString("utf8") === publicKeyPem) return;
  throw new ImagectlError("STORE_KEY_DIFFERS", `the images in ${folders.images} are signed by another key`, {
    hint: `Bring back the manifest key that made them, or start a new store: rm -r ${folders.images} ${folders.publicKey}`,
  });
}

async function list(folders: StoreFolders): Promise<StoreListing> {
  const results = await Promise.all((await idsIn(folders, ".json")).map((id) => readImage(folders, id)));
  const images = results.filter((result) => "manifest" in result);
  const findings = results.filter((result) => "code" in result);
  images.sort(
    (left, right) => compare(right.manifest.createdAt, left.manifest.createdAt) || compare(left.id, right.id),
  );
  return { images, findings };
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

async function idsIn(folders: StoreFolders, extension: ".json" | ".sig"): Promise<string[]> {
  return (await namesIn(folders.images))
    .filter((name) => name.endsWith(extension))
    .map((name) => name.slice(0, -extension.length))
    .filter((id) => sha256Pattern.test(id));
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    if (error.code !== "EACCES") throw error;
    throw new ImagectlError("STORE_UNREADABLE", `${folder} may not be read by this user`, {
      hint: "Run the command with sudo. Where another store is meant: IMAGECTL_STATE",
      cause: error,
    });
  });
}

async function readImage(folders: StoreFolders, id: string): Promise<Image | Finding> {
  const bytes = await readIfThere(folders.manifest(id));
  if (bytes === undefined) return manifestDamaged(id, "it disappeared while the store was read");
  if (sha256(bytes) !== id) return manifestDamaged(id, "its bytes are not those that its name stands for");
  try {
    return { id, manifest: Manifest.parse(JSON.parse(bytes.toString("utf8"))) };
  } catch (error) {
    return manifestDamaged(
      id,
      `it is no manifest: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

async function show(folders: StoreFolders, id: string): Promise<Image> {
  const matches = (await idsIn(folders, ".json")).filter((name) => name.startsWith(id));
  const only = matches[0];
  if (only === undefined || id.length < 4) {
    throw new ImagectlError("IMAGE_UNKNOWN", `no image ${id} in ${folders.images}`, {
      hint: "List them: imagectl images list",
    });
  }
  if (matches.length > 1) {
    throw new ImagectlError("IMAGE_AMBIGUOUS", `${matches.length} images begin with ${id}`, {
      hint: `Give more digits: imagectl images show ${shortId(only)}`,
    });
  }
  const image = await readImage(folders, only);
  if ("manifest" in image) return image;
  throw new ImagectlError("IMAGE_DAMAGED", `${image.where}: ${image.message}`, {
    hint: image.hint,
    findings: [image],
  });
}

async function verify(
  folders: StoreFolders,
  id: string,
  names: readonly string[] | undefined,
): Promise<Finding[]> {
  const image = await readImage(folders, id);
  if ("code" in image) return [image];
  const findings = await checkSignature(folders, id);
  for (const artefact of image.manifest.artefacts) {
    const path = folders.blob(artefact.sha256);
    const isRead = names === undefined || names.includes(artefact.name);
    findings.push(...checkArtefact(image, artefact, await (isRead ? hashFile(path) : sizeOf(path))));
  }
  return findings;
}

async function checkSignature(folders: StoreFolders, id: string): Promise<Finding[]> {
  const [bytes, signature, key] = await Promise.all(
    [folders.manifest(id), folders.signature(id), folders.publicKey].map(readIfThere),
  );
  if (signature === undefined) return [manifestUnsigned(id, "its signature file is missing")];
  if (key === undefined)
    return [manifestUnsigned(id, `the store's public key is missing: ${folders.publicKey}`)];
  const isSigned = bytes !== undefined && isSignedBy(bytes, signature.toString("utf8"), key.toString("utf8"));
  return isSigned ? [] : [manifestUnsigned(id, "its signature is not one of the store's key")];
}

async function prune(folders: StoreFolders, before: Date): Promise<number> {
  const { images } = await list(folders);
  const ids = new Set(images.map((image) => image.id));
  const digests = new Set(images.flatMap((image) => image.manifest.artefacts.map(({ sha256 }) => sha256)));
  const unreadable = (await idsIn(folders, ".json")).filter((id) => !ids.has(id));
  const unsigned = (await idsIn(folders, ".sig")).filter((id) => !ids.has(id));
  const blobs = (await namesIn(folders.blobs)).filter((digest) => !digests.has(digest));
  const paths = [
    ...unreadable.map(folders.manifest),
    ...unsigned.map(folders.signature),
    ...blobs.map(folders.blob),
    ...(await namesIn(folders.scratch)).map((name) => join(folders.scratch, name)),
  ];
  const sizes = await Promise.all(paths.map((path) => removeIfOlder(path, before)));
  return sizes.reduce((sum, bytes) => sum + bytes, 0);
}

/** ctime, not mtime: a blob is as old as its arrival in the store, not as its content. */
async function removeIfOlder(path: string, before: Date): Promise<number> {
  const { ctime, size } = await stat(path);
  if (ctime > before) return 0;
  await rm(path, { recursive: true, force: true });
  return size;
}
