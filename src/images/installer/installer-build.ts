/** Wires the build of an installer: the store, the cache, the clock and the signals that it runs with. */
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { diskFull, isDiskFull } from "../../disk-full.ts";
import { ImagectlError } from "../../errors.ts";
import { ensureKeys } from "../../keys.ts";
import { cacheDirectory, statePaths } from "../../paths.ts";
import type { Artefact, Image } from "../../store/manifest.ts";
import { openStore } from "../../store/store.ts";
import type { BuildEvent } from "../build-event.ts";
import { requireTools, takeLock } from "../build-room.ts";
import type { IsoRequest } from "./check-iso.ts";
import type { Wanted } from "./identity.ts";
import { installerNames } from "./installer-manifest.ts";
import { isoTools } from "./iso-file.ts";
import { storeFromDownload } from "./store-download.ts";
import { type InstallerBench, storeFromFile } from "./store-installer.ts";

export type InstallerRequest = {
  readonly wanted: Wanted;
  /** Undefined: the newest one is downloaded. */
  readonly iso: IsoRequest | undefined;
  /** Of a download: look for a newer one even where one is in the store. */
  readonly isUpdate: boolean;
  /** Reads IMAGECTL_STATE, IMAGECTL_CACHE … */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Brings what a node's session fetches beside the ISO. */
  readonly makeEnvironment: () => Promise<Artefact>;
  /** Aborted: the build ends at once and publishes nothing. */
  readonly signal: AbortSignal;
  readonly onEvent: (event: BuildEvent) => void;
};

/** Before a download that broke off goes on. Milliseconds. Our choice: a link that flaps is back by then. */
const downloadPauseMs = 3_000;

/** @throws ImagectlError TOOL_MISSING, BUILD_BUSY, DISK_FULL, and as `storeFromFile` and `storeFromDownload` do. */
export async function buildInstaller(request: InstallerRequest): Promise<Image> {
  const { wanted, environment, signal, onEvent } = request;
  await requireTools(isoTools);
  const paths = statePaths(environment);
  const folder = join(cacheDirectory(environment), "installers");
  const scratch = join(folder, "scratch");
  await mkdir(folder, { recursive: true });
  const unlock = await takeLock(join(folder, "lock"));
  try {
    // We hold the lock, so whoever left something here is dead.
    await rm(scratch, { recursive: true, force: true });
    await mkdir(scratch);
    const keys = await ensureKeys(paths.keys);
    const bench: InstallerBench = {
      store: openStore(paths.store),
      signingKeyPem: await readFile(keys.manifest.privateKey, "utf8"),
      scratch,
      now: () => new Date(),
      signal,
      onEvent,
      makeEnvironment: async () => ({
        ...(await request.makeEnvironment()),
        name: installerNames.environment,
      }),
    };
    const { iso, isUpdate } = request;
    const order = { folder: join(folder, "downloads"), isUpdate, pauseMs: downloadPauseMs };
    return iso === undefined
      ? await storeFromDownload(wanted, order, bench)
      : await storeFromFile(wanted, iso, bench);
  } catch (error) {
    const isSaid = error instanceof ImagectlError && error.code === "DISK_FULL";
    throw isDiskFull(error) && !isSaid ? diskFull(folder, "the installer was not stored", error) : error;
  } finally {
    await rm(scratch, { recursive: true, force: true });
    await unlock();
  }
}
