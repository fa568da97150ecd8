/** The cluster's secrets: a door to the files that hold their values, on the bastion and nowhere else. */
import {
  appendFile,
  chmod,
  link,
  mkdir,
  mkdtemp,
  open,
  readdir,
  rename,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { describeError, ImagectlError } from "./errors.ts";
import { Secret } from "./secret.ts";

/** Names one value. */
export type SecretName = {
  readonly name: string;
  /** Undefined: it is the whole cluster's. */
  readonly node: string | undefined;
};

export type StoredSecret = SecretName & {
  /** When its value was last written. */
  readonly since: Date;
};

export type SecretStore = {
  /**
   * @returns undefined when there is none.
   * @throws ImagectlError SECRET_UNREADABLE: others may read it, it is no text, it is too long.
   */
  read(of: SecretName): Promise<Secret | undefined>;
  /**
   * Keeps a value and notes that it was made, by whom and when, but not what it is.
   * @throws ImagectlError SECRET_EXISTS when there is one and it is not to be replaced.
   */
  write(of: SecretName, value: Secret, how: WriteOptions): Promise<void>;
  /** Sorted by node, then name. */
  list(): Promise<readonly StoredSecret[]>;
};

export type WriteOptions = {
  readonly isReplacing: boolean;
  readonly now: Date;
  /** Who asked, for the log. */
  readonly by: string;
};

/** Bytes. Our choice: a key or a token, not a data set. */
const longestValue = 65_536;

/** Name of the file beside the values that says what was written when. A secret's name has no dot. */
const logName = "log.txt";

/** @param directory made, with mode 0700, when the first value is written. */
export function openSecrets(directory: string): SecretStore {
  const pathOf = ({ name, node }: SecretName): string =>
    node === undefined ? join(directory, name) : join(directory, node, name);
  return {
    read: (of) => readValue(pathOf(of)),
    write: async (of, value, { isReplacing, now, by }) => {
      const path = pathOf(of);
      try {
        await mkdir(dirname(path), { recursive: true, mode: 0o700 });
        await chmod(directory, 0o700);
        await place(path, value, isReplacing);
        const line = `${now.toISOString()} ${describeName(of)}: ${isReplacing ? "written anew" : "made"} by ${by}\n`;
        await appendFile(join(directory, logName), line, { mode: 0o600 });
      } catch (error) {
        throw error instanceof ImagectlError ? error : unreadable(path, describeError(error), error);
      }
    },
    list: () => listValues(directory),
  };
}

/** Nothing is stored there: for a layer or a test that has no secret. */
export const noSecrets: SecretStore = {
  read: () => Promise.resolve(undefined),
  write: () => Promise.reject(new Error("there is no place for secrets")),
  list: () => Promise.resolve([]),
};

export function describeName({ name, node }: SecretName): string {
  return node === undefined ? name : `${name} of ${node}`;
}

async function readValue(path: string): Promise<Secret | undefined> {
  try {
    await using file = await open(path, "r");
    const { mode, size } = await file.stat();
    if ((mode & 0o077) !== 0) {
      throw unreadable(path, "others may read it", undefined, `sudo chmod 600 ${path}`);
    }
    if (size > longestValue) throw unreadable(path, `it is longer than ${longestValue} bytes`);
    return parseValue(await file.readFile(), path);
  } catch (error) {
    if (error instanceof ImagectlError) throw error;
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw unreadable(path, describeError(error), error);
  }
}

/**
 * The line end that an editor or echo puts behind a value is no part of it.
 * @throws ImagectlError SECRET_UNREADABLE for bytes that are no text, and for nothing at all.
 */
export function parseValue(bytes: Uint8Array, from: string): Secret {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes).replace(/\r?\n$/, "");
  } catch (error) {
    throw unreadable(from, "it is not UTF-8 text", error);
  }
  if (text === "") throw unreadable(from, "it is empty");
  if (text.includes("\0")) throw unreadable(from, "it has a zero byte");
  return new Secret(text);
}

/** Whole or not at all; of two that make it at once, link(2) lets one win. */
async function place(path: string, value: Secret, isReplacing: boolean): Promise<void> {
  const scratch = await mkdtemp(join(dirname(path), ".new-"));
  const fresh = join(scratch, "value");
  try {
    await writeFile(fresh, `${value.reveal()}\n`, { mode: 0o600, flush: true });
    if (isReplacing) await rename(fresh, path);
    else await link(fresh, path).catch((error: NodeJS.ErrnoException) => throwExists(error, path));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

function throwExists(error: NodeJS.ErrnoException, path: string): never {
  if (error.code !== "EEXIST") throw error;
  throw new ImagectlError("SECRET_EXISTS", `there is one already: ${path}`, {
    hint: "To replace it, say so: --rotate",
    cause: error,
  });
}

async function listValues(directory: string): Promise<readonly StoredSecret[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return [];
      throw unreadable(directory, describeError(error), error);
    },
  );
  // Neither a secret nor a node has a dot in its name: with one it is the log, or half written.
  const values = entries.filter(
    (entry) => entry.isFile() && !join(entry.parentPath, entry.name).slice(directory.length).includes("."),
  );
  const stored = await Promise.all(
    values.map(async ({ name, parentPath }) => ({
      name,
      node: parentPath === directory ? undefined : parentPath.slice(directory.length + 1),
      since: (await stat(join(parentPath, name))).mtime,
    })),
  );
  const keyOf = ({ node, name }: SecretName): string => `${node ?? ""}/${name}`;
  return stored.sort((left, right) => (keyOf(left) < keyOf(right) ? -1 : 1));
}

function unreadable(path: string, why: string, cause?: unknown, hint?: string): ImagectlError {
  return new ImagectlError("SECRET_UNREADABLE", `the secret ${path} cannot be used: ${why}`, {
    hint:
      hint ?? "Secrets belong to root: run imagectl with sudo, or write this one anew: imagectl secrets set",
    cause,
  });
}
