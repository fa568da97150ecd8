/** Public keys that somebody else lists as a user's, such as a code forge, beside those of the cluster file. Pure. */
import { createHash } from "node:crypto";
import { parsePublicKey } from "./public-key.ts";

export type OfferedKeys = {
  /** Lines that a cluster file may have, each once. */
  readonly keys: readonly string[];
  /** Never quotes a line: it may be a private key. */
  readonly refused: readonly { readonly line: number; readonly message: string }[];
};

export type KeyComparison = {
  /** Offered, and not in the file. */
  readonly added: readonly string[];
  /** In both, as the file has them. */
  readonly kept: readonly string[];
  /** In the file, and not offered. */
  readonly absent: readonly string[];
};

/**
 * @param text one key per line, as authorized_keys and `https://github.com/NAME.keys` have them; empty lines and
 *   comments are skipped.
 * @param comment for keys that have none, so that a reader of the file knows where they came from.
 */
export function readOfferedKeys(text: string, comment: string): OfferedKeys {
  const keys = new Map<string, string>();
  const refused: { line: number; message: string }[] = [];
  // A private key is many lines and says what it is in its first one alone.
  const whole = /PRIVATE KEY|^PuTTY-User-Key-File/m.test(text) ? [text] : text.split("\n");
  for (const [index, each] of whole.entries()) {
    if (/^\s*(#|$)/.test(each)) continue;
    const answer = parsePublicKey(each);
    if (answer.kind === "refused") refused.push({ line: index + 1, message: answer.message });
    else if (!keys.has(blobOf(answer.line))) {
      keys.set(
        blobOf(answer.line),
        answer.line.split(" ").length > 2 ? answer.line : `${answer.line} ${comment}`,
      );
    }
  }
  return { keys: [...keys.values()], refused };
}

/** Keys are the same when their bytes are, whatever their comments say. */
export function compareKeys(present: readonly string[], offered: readonly string[]): KeyComparison {
  const [have, get] = [new Set(present.map(blobOf)), new Set(offered.map(blobOf))];
  return {
    added: offered.filter((line) => !have.has(blobOf(line))),
    kept: present.filter((line) => get.has(blobOf(line))),
    absent: present.filter((line) => !get.has(blobOf(line))),
  };
}

/** As `ssh-keygen -l` shows it: SHA256, then base64 without padding. */
export function fingerprintOf(line: string): string {
  const digest = createHash("sha256")
    .update(Buffer.from(blobOf(line), "base64"))
    .digest("base64");
  return `SHA256:${digest.replace(/=+$/, "")}`;
}

function blobOf(line: string): string {
  return line.split(" ")[1] ?? "";
}
