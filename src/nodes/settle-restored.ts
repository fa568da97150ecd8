/** What a database from a backup must not bring back: permission to overwrite disks. */
import { ImagectlError } from "../errors.ts";
import { openAttempts } from "./attempts.ts";
import type { Database } from "./database.ts";

/**
 * Checks a restored database and disarms what was on its way to a disk. Since the backup a node may have been
 * installed and be at work: its next network boot must not install it again.
 * @returns the nodes whose attempts were ended.
 * @throws ImagectlError DATABASE_UNUSABLE when SQLite finds it damaged.
 */
export function settleRestored(database: Database, now: Date): string[] {
  const [row] = database.rows("PRAGMA integrity_check");
  if (row?.integrity_check !== "ok") {
    throw new ImagectlError(
      "DATABASE_UNUSABLE",
      `the database of the backup is damaged: ${row?.integrity_check}`,
      {
        hint: "Take an older backup.",
      },
    );
  }
  const attempts = openAttempts(database);
  const armed = attempts.live().filter(({ state }) => !state.isDeployed);
  for (const { id } of armed) attempts.append(id, { kind: "disarmed" }, now);
  return armed.map(({ node }) => node);
}
