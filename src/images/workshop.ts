/** Wires a build: the store, the caches, the clock and the signals that it runs with. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { diskFull, isDiskFull } from "../disk-full.ts";
import { ImagectlError } from "../errors.ts";
import { ensureKeys } from "../keys.ts";
import { cacheDirectory, statePaths } from "../paths.ts";
import { openStore } from "../store/store.ts";
import { openApt } from "./apt.ts";
import type { Bench, Workshop } from "./build.ts";
import type { BuildEvent } from "./build-event.ts";
import { isFolderFull, openBuildRoom, requireStoreSpace } from "./build-room.ts";
import { findOperatingSystem, type OperatingSystem, withComponents } from "./catalogue.ts";
import { readRecipeFiles } from "./recipe-files.ts";

export type BuildRequest = {
  readonly os: OperatingSystem;
  readonly isUpdate: boolean;
  /** The folder from which plans name files of the operator: the cluster file's. */
  readonly filesFrom: string;
  /** Reads IMAGECTL_STATE, IMAGECTL_CACHE … */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Aborted: the build ends at once, publishes nothing and leaves nothing. */
  readonly signal: AbortSignal;
  readonly onEvent: (event: BuildEvent) => void;
};

/**
 * Builds what is not there yet. After a failure the root is kept for a look inside, until the next build; not after a
 * full disk.
 * @param work what is wanted: functions of build.ts.
 * @throws ImagectlError as `work` and `openBuildRoom` do, DISK_FULL.
 */
export async function runBuild<Built>(
  request: BuildRequest,
  work: (workshop: Workshop) => Promise<Built>,
): Promise<Built> {
  const { os, environment, signal } = request;
  const paths = statePaths(environment);
  const cache = cacheDirectory(environment);
  const keys = await ensureKeys(paths.keys);
  let opened: Promise<Bench> | undefined;
  const openBench = async (): Promise<Bench> => {
    await requireStoreSpace(paths.store);
    const room = await openBuildRoom(cache, os.id, new Date());
    const open: Bench["openApt"] = ({ os: id, components, archives = [] }) => {
      const from = withComponents(findOperatingSystem(id), components);
      return openApt({ os: from, archives, sources: paths.aptSources, cache, signal, onLine: room.log });
    };
    return { room, openApt: open, bases: join(cache, "bases") };
  };
  let isWorthALook = true;
  try {
    const workshop: Workshop = {
      os,
      files: await readRecipeFiles(),
      store: openStore(paths.store),
      filesFrom: request.filesFrom,
      signingKeyPem: await readFile(keys.manifest.privateKey, "utf8"),
      isUpdate: request.isUpdate,
      now: () => new Date(),
      signal,
      onEvent: request.onEvent,
      openBench: () => {
        opened ??= openBench();
        return opened;
      },
    };
    const built = await work(workshop);
    isWorthALook = false;
    return built;
  } catch (error) {
    const isFull = isDiskFull(error) || (isStepFailed(error) && (await isFolderFull(cache)));
    if (!isFull) throw error;
    // The next build needs the room that the half-made root takes.
    isWorthALook = false;
    // The store says it of itself; everything else is written to the cache.
    if (error instanceof ImagectlError && error.code === "DISK_FULL") throw error;
    throw diskFull(cache, "the build ended and published nothing", error);
  } finally {
    const bench = await opened?.catch(() => undefined);
    await bench?.room.close({ keepFolder: isWorthALook && !signal.aborted });
  }
}

/** A program of a step failed, and only its own words say why. */
function isStepFailed(error: unknown): boolean {
  return error instanceof ImagectlError && error.code === "BUILD_FAILED";
}
