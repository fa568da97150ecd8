/** What is in a backup, as values and as the tar that gets sealed. Pure. */
import { z } from "zod";
import { describeError, ImagectlError } from "../errors.ts";
import { packTar, type TarEntry, unpackTar } from "../tar.ts";

const About = z.object({
  schema: z.literal(1),
  /** ISO 8601, UTC. */
  createdAt: z.iso.datetime(),
  /** Of the machine that it was made on. */
  hostname: z.string(),
  /** Absolute path of the cluster file there; absent: there was none. */
  clusterFile: z.string().startsWith("/").optional(),
  /** Folders of the state with their permission bits; `.` is the state itself. */
  folders: z.array(z.strictObject({ path: z.string(), mode: z.int().min(0).max(0o777) })),
});
export type About = z.output<typeof About>;

export type BackupContents = {
  readonly about: About;
  /** Files of the state, relative to it. */
  readonly state: readonly TarEntry[];
  /** The cluster file and the operator's roles beside it, relative to its folder. */
  readonly cluster: readonly TarEntry[];
};

const aboutName = "backup.json";

/** @returns a tar; the same contents are the same bytes. */
export async function packContents({ about, state, cluster }: BackupContents): Promise<Uint8Array> {
  const below = (folder: string, entries: readonly TarEntry[]) =>
    entries.map((entry) => ({ ...entry, path: `${folder}/${entry.path}` }));
  const text = `${JSON.stringify(about, null, 2)}\n`;
  return packTar([
    { path: aboutName, mode: 0o600, content: text },
    ...below("state", state),
    ...below("cluster", cluster),
  ]);
}

/**
 * @throws ImagectlError BACKUP_TOO_NEW when another version of the format is in it, BACKUP_DAMAGED when it is none.
 */
export async function readContents(bytes: Uint8Array): Promise<BackupContents> {
  const entries = await unpackTar(bytes).catch((error: unknown) => {
    throw damaged(describeError(error), error);
  });
  const about = readAbout(entries.find(({ path }) => path === aboutName));
  const outside = about.folders.find(({ path }) => path !== "." && !isBelow(path));
  if (outside !== undefined)
    throw damaged(`the folder ${JSON.stringify(outside.path)} is outside of the state`);
  const below = (folder: string) =>
    entries
      .filter(({ path }) => path.startsWith(`${folder}/`))
      .map((entry) => ({ ...entry, path: entry.path.slice(folder.length + 1) }));
  return { about, state: below("state"), cluster: below("cluster") };
}

function isBelow(path: string): boolean {
  return path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}

function readAbout(entry: TarEntry | undefined): About {
  if (entry === undefined) throw damaged(`${aboutName} is missing`);
  const json: unknown = parseJson(Buffer.from(entry.content).toString("utf8"));
  const version = z.object({ schema: z.int() }).safeParse(json);
  if (version.success && version.data.schema > 1) {
    throw new ImagectlError(
      "BACKUP_TOO_NEW",
      `the backup has format ${version.data.schema}; this imagectl reads 1`,
      {
        hint: "A newer imagectl wrote it: restore with that version, which imagectl --version names.",
      },
    );
  }
  const about = About.safeParse(json);
  if (!about.success) throw damaged(`${aboutName}: ${z.prettifyError(about.error)}`, about.error);
  return about.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw damaged(`${aboutName}: ${describeError(error)}`, error);
  }
}

function damaged(message: string, cause?: unknown): ImagectlError {
  return new ImagectlError("BACKUP_DAMAGED", `what is sealed in the backup cannot be read: ${message}`, {
    hint: "It was not written by imagectl backup. Look into it: tar xf FILE; age --decrypt state.tar.age | tar t",
    cause,
  });
}
