/** Where a user's public keys are taken from: a code forge that lists them, or a file. */
import { readFile } from "node:fs/promises";
import { describeError, ImagectlError } from "../errors.ts";
import { readAtMost } from "../read-at-most.ts";

const timeoutMs = 20_000;
/** GitHub allows any number of keys; an answer of more than this is something else. Bytes. */
const mostBytes = 256 * 1024;

/**
 * Asks `SERVER/ACCOUNT.keys`, as GitHub, GitLab, Forgejo and others answer it.
 * @param server such as https://github.com.
 * @throws ImagectlError USAGE for a server without TLS, KEYS_NOT_OFFERED for anything but a list of keys.
 */
export async function fetchKeys(server: string, account: string): Promise<string> {
  const url = keysUrl(server, account);
  let response: Response;
  let text: string;
  try {
    // A renamed account leads elsewhere, where somebody else may be by now.
    response = await fetch(url, { redirect: "manual", signal: AbortSignal.timeout(timeoutMs) });
    text = await readAtMost(response, mostBytes);
  } catch (error) {
    throw notOffered(
      `${url} did not answer: ${describeError(error)}`,
      "Is there a way out from this machine? If not, fetch them elsewhere: --keys-from FILE",
      error,
    );
  }
  if (response.status === 404) {
    throw notOffered(
      `${server} has no account ${account}`,
      "Look at its page: is that the account's name today?",
    );
  }
  if (response.status !== 200) {
    const to = response.headers.get("location");
    throw notOffered(
      `${url} answers with ${response.status}${to === null ? "" : `, and sends to ${to}`}`,
      "Look at the account's page, and ask its owner; then name the account as it is called now",
    );
  }
  if (/^\s*$/.test(text)) {
    throw notOffered(
      `the account ${account} has no keys`,
      "Its owner adds one there: Settings, SSH and GPG keys",
    );
  }
  return text;
}

/** @throws ImagectlError KEYS_NOT_OFFERED. */
export async function readKeysFile(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw notOffered(
      `cannot read ${file}: ${describeError(error)}`,
      "Name a file with one public key per line",
      error,
    );
  }
}

function keysUrl(server: string, account: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/.test(account)) {
    throw new ImagectlError("USAGE", `${JSON.stringify(account)} is no account's name`, {
      hint: "Only the name: alice, of https://github.com/alice",
    });
  }
  const base = URL.canParse(server) ? new URL(server) : undefined;
  const isHere = base?.hostname === "127.0.0.1" || base?.hostname === "localhost";
  if (base === undefined || !(base.protocol === "https:" || (base.protocol === "http:" && isHere))) {
    throw new ImagectlError("USAGE", `${server} is no address that keys may come from`, {
      hint: "Begin it with https://, such as https://gitlab.example.org: on the way of others, anybody could add a key",
    });
  }
  return new URL(`${account}.keys`, base.href.endsWith("/") ? base : `${base.href}/`).href;
}

function notOffered(message: string, hint: string, cause?: unknown): ImagectlError {
  return new ImagectlError("KEYS_NOT_OFFERED", message, { hint, cause });
}
