/** Sealing with a passphrase, in the age format: what imagectl sealed, the program `age` opens as well. */
import { Decrypter, Encrypter } from "age-encryption";
import { describeError, ImagectlError } from "../errors.ts";

/**
 * Cost of one guess, as the power of two of scrypt's N (RFC 7914): 256 MiB and about a second of a core. What age
 * itself takes.
 */
export const scryptLogN = 18;

/** @param logN less than `scryptLogN` in tests only, which guess nothing. */
export async function seal(bytes: Uint8Array, passphrase: string, logN: number): Promise<Uint8Array> {
  const encrypter = new Encrypter();
  encrypter.setScryptWorkFactor(logN);
  encrypter.setPassphrase(passphrase);
  return encrypter.encrypt(bytes);
}

/** How the library says that the key of the file could not be unwrapped. */
const noMatch = "no identity matched";

/**
 * @param sealed known to be whole: then what fails is the passphrase.
 * @throws ImagectlError PASSPHRASE_WRONG; BACKUP_DAMAGED when it is no age file, or an altered one.
 */
export async function unseal(sealed: Uint8Array, passphrase: string): Promise<Uint8Array> {
  const decrypter = new Decrypter();
  decrypter.addPassphrase(passphrase);
  try {
    return await decrypter.decrypt(sealed);
  } catch (error) {
    if (describeError(error).includes(noMatch)) {
      throw new ImagectlError("PASSPHRASE_WRONG", "the passphrase does not open this backup", {
        hint: "The file is whole, so it is another passphrase. A file with it may end in one line feed, which is not part of it.",
        cause: error,
      });
    }
    throw new ImagectlError("BACKUP_DAMAGED", `the sealed part cannot be opened: ${describeError(error)}`, {
      hint: "Take another copy of the backup, or an older backup.",
      cause: error,
    });
  }
}
