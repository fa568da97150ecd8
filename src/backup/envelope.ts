/** The backup file around what is sealed: a plain tar that says what it is, and whether it is whole. Pure. */
import { sha256 } from "../digest.ts";
import { describeError, ImagectlError } from "../errors.ts";
import { packTar, type TarEntry, unpackTar } from "../tar.ts";

/** Sorted first, so that a backup file begins with this name. */
const readme = "imagectl-backup.txt";
const sums = "sha256sums";
const sealedName = "state.tar.age";

/** tar: sizes are multiples of a block, and two empty ones are the end (POSIX pax, ustar interchange format). */
const blockBytes = 512;
const endBytes = 2 * blockBytes;

/** @returns the bytes of the file. */
export async function packEnvelope(sealed: Uint8Array): Promise<Uint8Array> {
  const contents = { [readme]: howToOpen, [sealedName]: sealed };
  const lines = Object.entries(contents).map(([path, content]) => `${sha256(content)}  ${path}\n`);
  const files = Object.entries({ ...contents, [sums]: lines.join("") });
  return packTar(files.map(([path, content]) => ({ path, mode: 0o600, content })));
}

/**
 * Needs no passphrase: whether a copy is still good can be asked at any time.
 * @returns the sealed part, exactly as it was packed.
 * @throws ImagectlError BACKUP_UNKNOWN for a file of another kind, BACKUP_CUT_SHORT, BACKUP_DAMAGED.
 */
export async function openEnvelope(bytes: Uint8Array): Promise<Uint8Array> {
  if (Buffer.from(bytes.subarray(0, readme.length)).toString("latin1") !== readme) {
    throw new ImagectlError("BACKUP_UNKNOWN", "this is no file that imagectl backup wrote", {
      hint: "It would begin with the words imagectl-backup.txt. Look at it: head -c 19 FILE",
    });
  }
  if (bytes.length % blockBytes !== 0 || bytes.subarray(-endBytes).some((byte) => byte !== 0)) {
    throw new ImagectlError("BACKUP_CUT_SHORT", `the backup ends too early, after ${bytes.length} bytes`, {
      hint: "It was copied in part, or the disk was full. Compare its size with that of the original.",
    });
  }
  const entries = await unpackTar(bytes).catch((error: unknown) => {
    throw damaged(describeError(error), error);
  });
  const text = contentOf(entries, sums).toString("utf8");
  for (const path of [readme, sealedName]) {
    if (!text.includes(`${sha256(contentOf(entries, path))}  ${path}\n`))
      throw damaged(`${path} was altered`);
  }
  return contentOf(entries, sealedName);
}

function contentOf(entries: readonly TarEntry[], path: string): Buffer {
  const entry = entries.find((each) => each.path === path);
  if (entry === undefined) throw damaged(`${path} is missing from it`);
  return Buffer.from(entry.content);
}

function damaged(message: string, cause?: unknown): ImagectlError {
  return new ImagectlError("BACKUP_DAMAGED", `the backup is not what was written: ${message}`, {
    hint: "Take another copy of the backup, or an older backup.",
    cause,
  });
}

/** For who finds such a file and has no imagectl. */
const howToOpen = `This is a backup of the bastion of a cluster, written by imagectl.

Put it back:            imagectl restore FILE
Is this copy whole:     tar xf FILE && sha256sum -c ${sums}
Open it by hand:        age --decrypt ${sealedName} | tar x
                        (age-encryption.org/v1, sealed with a passphrase)

In ${sealedName}: the private keys and secrets of the cluster, its database, its cluster file, and the
manifests and package locks of its images. Who opens it owns every node.
`;
