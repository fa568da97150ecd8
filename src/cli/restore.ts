/** `imagectl restore FILE`: a bastion from a backup, whole or not at all. */
import { rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { type BackupContents, readContents } from "../backup/contents.ts";
import { openEnvelope } from "../backup/envelope.ts";
import { findDiffering, isEmptyFolder, placeFiles, stageState, swapState } from "../backup/place.ts";
import { unseal } from "../backup/seal.ts";
import { describeError, ImagectlError } from "../errors.ts";
import { openDatabase } from "../nodes/database.ts";
import { settleRestored } from "../nodes/settle-restored.ts";
import { statePaths } from "../paths.ts";
import { refuseSecondServer } from "../serve/operator-socket.ts";
import type { TarEntry } from "../tar.ts";
import { formatSummary, summarize } from "./backup.ts";
import { defineCommand } from "./command.ts";
import { passphraseOption, readPassphrase } from "./passphrase.ts";

export const command = defineCommand({
  summary: "put a backup's keys, secrets, database and cluster file in place",
  usage: "restore FILE [--check] [--force] [--passphrase-file FILE] [--cluster FILE]",
  options: {
    check: { type: "boolean", description: "Only say whether FILE is whole and opens; write nothing." },
    force: {
      type: "boolean",
      description: "Move an existing state and cluster file aside; nothing is removed.",
    },
    cluster: {
      type: "string",
      valueName: "FILE",
      description: "Where the cluster file goes. Default: $IMAGECTL_CLUSTER, else where it was.",
    },
    ...passphraseOption,
  },
  positionals: { min: 1, max: 1 },
  words: ["file"],
  async run({ values, positionals }, io) {
    const file = positionals[0] as string;
    const paths = statePaths(io.env);
    const directory = dirname(paths.database);
    const sealed = await openEnvelope(await readBackup(file));
    const isForced = values.force === true;
    if (values.check !== true) {
      await refuseSecondServer(paths.operatorSocket);
      // Before the passphrase is typed; it is asked again before anything is written.
      if (!isForced) await refuseExisting(directory);
    }
    const passphrase = await readPassphrase(values["passphrase-file"], { isNew: false });
    const contents = await readContents(await unseal(sealed, passphrase));
    const summary = formatSummary(summarize(contents));
    const of = `of ${contents.about.hostname}, ${contents.about.createdAt}`;
    if (values.check === true) {
      io.stdout.write(`${file} is whole and opens: a backup ${of}\nIn it: ${summary}.\n`);
      return 0;
    }
    const cluster = values.cluster ?? io.env.IMAGECTL_CLUSTER ?? contents.about.clusterFile ?? "cluster.yaml";
    const restored = await restore(contents, { directory, cluster: resolve(cluster), isForced });
    io.stdout.write(`restored to ${directory}: a backup ${of}\nIn it: ${summary}.\n${formatNext(restored)}`);
    return 0;
  },
});

async function readBackup(file: string): Promise<Buffer> {
  return readFile(file).catch((cause: unknown) => {
    throw new ImagectlError("BACKUP_UNKNOWN", `cannot read the backup ${file}: ${describeError(cause)}`, {
      hint: `Is it there, and are you root? ls -l ${file}`,
      cause,
    });
  });
}

async function refuseExisting(directory: string, differing: readonly string[] = []): Promise<void> {
  const isFree = await isEmptyFolder(directory);
  if (isFree && differing.length === 0) return;
  const what = [
    ...(isFree ? [] : [`${directory} is not empty`]),
    ...differing.map((path) => `${path} differs`),
  ];
  throw new ImagectlError("STATE_EXISTS", `a restore would replace what is here: ${what.join(", ")}`, {
    hint: "To move it aside and restore: imagectl restore FILE --force. To keep it, and look: IMAGECTL_STATE=/tmp/look imagectl restore FILE --cluster /tmp/look.yaml",
  });
}

type Place = { readonly directory: string; readonly cluster: string; readonly isForced: boolean };

type Restored = {
  readonly directory: string;
  readonly cluster: string | undefined;
  readonly oldState: string | undefined;
  readonly movedAside: readonly string[];
  readonly disarmed: readonly string[];
};

/** The state comes last, in one rename: until then the same command starts over and finds the same. */
async function restore(contents: BackupContents, { directory, cluster, isForced }: Place): Promise<Restored> {
  const files = clusterEntries(contents.cluster, cluster);
  const folder = dirname(cluster);
  if (!isForced) await refuseExisting(directory, await findDiffering(folder, files));
  const { folders } = contents.about;
  const mode = folders.find(({ path }) => path === ".")?.mode ?? 0o755;
  const now = new Date();
  const stamp = now.toISOString().replace(/[-:]|\.[0-9]+/g, "");
  const staged = await stageState(directory, contents.state, folders);
  try {
    const disarmed = settle(join(staged, "imagectl.sqlite"), contents, now);
    const movedAside = await placeFiles(folder, files, stamp);
    const oldState = await swapState(staged, directory, { mode, stamp });
    return { directory, cluster: files.length > 0 ? cluster : undefined, oldState, movedAside, disarmed };
  } catch (error) {
    rmSync(staged, { recursive: true, force: true });
    throw error;
  }
}

/** The file may get another name here. */
function clusterEntries(entries: readonly TarEntry[], cluster: string): TarEntry[] {
  return entries.map((entry) =>
    entry.path === "cluster.yaml" ? { ...entry, path: basename(cluster) } : entry,
  );
}

function settle(path: string, { state }: BackupContents, now: Date): string[] {
  if (!state.some((entry) => entry.path === "imagectl.sqlite")) return [];
  const database = openDatabase(path);
  try {
    return settleRestored(database, now);
  } finally {
    database.close();
  }
}

function formatNext({ directory, cluster, oldState, movedAside, disarmed }: Restored): string {
  const lines = [
    ...[oldState, ...movedAside].flatMap((path) => (path === undefined ? [] : [`moved aside: ${path}`])),
    ...(disarmed.length === 0
      ? []
      : [`disarmed, since their disks may have been written since: ${disarmed.join(", ")}`]),
    "Next:",
    ...(cluster === undefined
      ? ["  bring your cluster file; there is none in the backup"]
      : [`  imagectl validate ${cluster}`]),
    oldState === undefined
      ? "  imagectl build --os OS      makes the images again, of the same packages; or copy them first:"
      : "  take the images over, or make them again with imagectl build --os OS:",
    `    cp -an ${oldState ?? "/path/to/the/old/state"}/store/blobs/. ${directory}/store/blobs/`,
    "  see that the old bastion no longer serves, then: systemctl start imagectl",
    "",
  ];
  return lines.join("\n");
}
