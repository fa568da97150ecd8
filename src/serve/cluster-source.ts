/** The cluster file as the server knows it: read again when it changes, the last good one kept when it breaks. */
import { stat } from "node:fs/promises";
import { setInterval } from "node:timers";
import { describeError, formatFinding, ImagectlError } from "../errors.ts";
import type { PlanInput } from "../plan/make.ts";
import type { Log } from "./log.ts";

export type ClusterSource = {
  readonly path: string;
  /** The last one without errors. */
  current(): PlanInput;
  /**
   * Reads it now: what an operator asks for is decided from what the file says, never from an older one.
   * @throws ImagectlError CLUSTER_INVALID and what else the reader throws.
   */
  fresh(): Promise<PlanInput>;
  /** Reads it when its time or size changed; a broken file is logged and the last good one kept. */
  refreshIfChanged(): Promise<void>;
  close(): void;
};

/** How often the file is looked at. Milliseconds. Our choice: an operator who saved it does not wait for it. */
const lookEveryMs = 2_000;

/**
 * @param read parses the file with everything that plans are made of.
 * @throws what `read` throws: a server does not start with a broken file.
 */
export async function openClusterSource(
  path: string,
  read: () => Promise<PlanInput>,
  log: Log,
): Promise<ClusterSource> {
  let stamp = await stampOf(path);
  let input = await read();
  const adopt = (next: PlanInput): PlanInput => {
    input = next;
    return next;
  };
  const refreshIfChanged = async (): Promise<void> => {
    const seen = await stampOf(path);
    if (seen === stamp) return;
    stamp = seen;
    try {
      const { cluster } = adopt(await read());
      log("serve", `${path} was read again: ${cluster.nodes.length} nodes`);
    } catch (error) {
      log("serve", `${path} is broken, the last good one stays in use: ${describeError(error)}`, "error");
      const findings = error instanceof ImagectlError ? error.findings : [];
      for (const finding of findings) log("serve", formatFinding(finding), "error");
    }
  };
  const timer = setInterval(() => {
    refreshIfChanged().catch((error: unknown) => log("serve", describeError(error), "error"));
  }, lookEveryMs);
  timer.unref();
  return {
    path,
    current: () => input,
    fresh: async () => adopt(await read()),
    refreshIfChanged,
    close: () => clearInterval(timer),
  };
}

/** An editor that writes a new file and renames it changes the inode, one that writes in place the time. */
async function stampOf(path: string): Promise<string> {
  try {
    const { mtimeMs, size, ino } = await stat(path);
    return `${mtimeMs} ${size} ${ino}`;
  } catch {
    // A file that is gone is read, and the reader says so.
    return "missing";
  }
}
