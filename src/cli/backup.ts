/** `imagectl backup FILE`: everything of a bastion that cannot be made again, in one sealed file. */
import { existsSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, join, resolve } from "node:path";
import { type BackupContents, packContents, readContents } from "../backup/contents.ts";
import { openEnvelope, packEnvelope } from "../backup/envelope.ts";
import { writePrivateFile } from "../backup/place.ts";
import { readFolder } from "../backup/read-folder.ts";
import { scryptLogN, seal, unseal } from "../backup/seal.ts";
import { ImagectlError } from "../errors.ts";
import { lockArtefact } from "../images/find-lock.ts";
import { readDatabaseFile } from "../nodes/database.ts";
import { statePaths } from "../paths.ts";
import { formatBytes } from "../quantity.ts";
import { openStore, type Store } from "../store/store.ts";
import type { TarEntry } from "../tar.ts";
import { type CommandIo, defineCommand, jsonOption } from "./command.ts";
import { operatorClient } from "./operator-client.ts";
import { passphraseOption, readPassphrase } from "./passphrase.ts";
import { clusterFile, clusterOption } from "./plan-context.ts";

export const command = defineCommand({
  summary: "write keys, secrets, database and cluster file to one file, sealed with a passphrase",
  usage: "backup FILE [--passphrase-file FILE] [--cluster FILE] [--json]",
  options: { ...passphraseOption, ...clusterOption, ...jsonOption },
  positionals: { min: 1, max: 1 },
  words: ["file"],
  async run({ values, positionals }, io) {
    const file = resolve(positionals[0] as string);
    if (existsSync(file)) {
      throw new ImagectlError("BACKUP_UNWRITABLE", `${file} exists, and may be the only backup there is`, {
        hint: "Give each its own name: imagectl backup imagectl-$(date +%F).backup",
      });
    }
    const contents = await collect(resolve(clusterFile(values.cluster, io.env)), io);
    const passphrase = await readPassphrase(values["passphrase-file"], { isNew: true });
    const sealed = await seal(await packContents(contents), passphrase, scryptLogN);
    const bytes = await packEnvelope(sealed);
    await writePrivateFile(file, bytes);
    // A backup that was never opened is a hope.
    const opened = await readContents(await unseal(await openEnvelope(readFileSync(file)), passphrase));
    const answer = { file, bytes: bytes.length, ...summarize(opened) };
    io.stdout.write(values.json === true ? `${JSON.stringify(answer, null, 2)}\n` : formatAnswer(answer));
    return 0;
  },
});

async function collect(cluster: string, io: CommandIo): Promise<BackupContents> {
  const paths = statePaths(io.env);
  const directory = dirname(paths.database);
  const { files, folders } = await readFolder(directory, isStatePart);
  const database = await readDatabase(paths.database, io);
  if (files.length === 0 && database === undefined) {
    throw new ImagectlError("STATE_UNREADABLE", `there is nothing to back up in ${directory}`, {
      hint: "Another folder is named by IMAGECTL_STATE. A new bastion begins with: imagectl keys init",
    });
  }
  const locks = await readLocks(openStore(paths.store), io);
  const whole = database === undefined ? [] : [{ path: "imagectl.sqlite", mode: 0o600, content: database }];
  const clusterFiles = await readCluster(cluster);
  return {
    about: {
      schema: 1,
      createdAt: new Date().toISOString(),
      hostname: hostname(),
      ...(clusterFiles.length === 0 ? {} : { clusterFile: cluster }),
      folders: [...folders],
    },
    state: [...files, ...locks, ...whole],
    cluster: clusterFiles,
  };
}

/** Images are large, public and can be made again; the database is copied, not read, while it is in use. */
function isStatePart(path: string): boolean {
  if (path === "store/blobs" || path === "store/tmp") return false;
  return !/^imagectl\.sqlite/.test(path) && !path.split("/").some((part) => part.startsWith(".new-"));
}

/** From the server, which owns it; without one from the file. */
async function readDatabase(path: string, io: CommandIo): Promise<Buffer | undefined> {
  try {
    return await operatorClient(io.env).bytes("/database");
  } catch (error) {
    if (!(error instanceof ImagectlError) || error.code !== "SERVER_NOT_RUNNING") throw error;
    return readDatabaseFile(path);
  }
}

/** Which packages an image is made of: with it, build makes the same image again. */
async function readLocks(store: Store, io: CommandIo): Promise<TarEntry[]> {
  const { images } = await store.list();
  const digests = images.flatMap(({ manifest }) =>
    manifest.artefacts.filter(({ name }) => name === lockArtefact).map(({ sha256 }) => sha256),
  );
  const locks: TarEntry[] = [];
  for (const digest of new Set(digests)) {
    try {
      locks.push({
        path: `store/blobs/sha256/${digest}`,
        mode: 0o644,
        content: await store.readBlob(digest),
      });
    } catch {
      io.stderr.write(`imagectl: the package lock ${digest} is missing from the store: left out\n`);
    }
  }
  return locks;
}

/** The file, and the operator's own roles beside it. */
async function readCluster(file: string): Promise<TarEntry[]> {
  if (!existsSync(file)) return [];
  const { files } = await readFolder(join(dirname(file), "roles"), () => true);
  const roles = files.map((entry) => ({ ...entry, path: `roles/${entry.path}` }));
  return [{ path: "cluster.yaml", mode: 0o644, content: readFileSync(file) }, ...roles];
}

/** What is in a backup, in numbers; shared with `restore`. */
export type BackupSummary = {
  readonly createdAt: string;
  readonly hostname: string;
  readonly keys: number;
  readonly secrets: number;
  readonly hasDatabase: boolean;
  readonly images: number;
  readonly clusterFile: string | undefined;
};

export function summarize({ about, state }: BackupContents): BackupSummary {
  const count = (pattern: RegExp) => state.filter(({ path }) => pattern.test(path)).length;
  return {
    createdAt: about.createdAt,
    hostname: about.hostname,
    keys: count(/^keys\/[^/]+_ed25519(\.pem)?$/),
    // A secret has no dot in its name; the log of what was made has.
    secrets: count(/^secrets\/[^.]+$/),
    hasDatabase: count(/^imagectl\.sqlite$/) === 1,
    images: count(/^store\/images\/.*\.json$/),
    clusterFile: about.clusterFile,
  };
}

export function formatSummary(summary: BackupSummary): string {
  const { keys, secrets, hasDatabase, images, clusterFile: cluster } = summary;
  return [
    `${keys} private keys, ${secrets} secrets`,
    hasDatabase ? "the database" : "no database",
    `manifests of ${images} images`,
    cluster === undefined ? "no cluster file" : `the cluster file ${cluster}`,
  ].join(", ");
}

function formatAnswer(answer: BackupSummary & { readonly file: string; readonly bytes: number }): string {
  const warning =
    answer.clusterFile === undefined ? "No cluster file was found; name it: --cluster FILE\n" : "";
  return `${answer.file}: ${formatBytes(answer.bytes)}, written, read back and opened
In it: ${formatSummary(answer)}.
${warning}Keep it on another machine, and its passphrase elsewhere: together they open every node.
`;
}
