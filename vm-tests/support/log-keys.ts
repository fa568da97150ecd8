/** The keys of the logs' senders and their server, made as an operator makes them: by the commands that `secrets list` shows. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { run } from "../../src/run.ts";
import { makeLabCluster, minimalRoles, wholeCluster } from "./lab-cluster.ts";

/** The certificate comes out of the key that is before it. */
const names = ["log-server-key", "log-node-key", "log-server-certificate"];

/** Makes those that are missing. @param imagectl the program. */
export async function ensureLogKeys(state: string, imagectl: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "imagectl-log-keys-"));
  try {
    const withLogs = [...wholeCluster.roles, "rsyslog"];
    const bastionRoles = [...minimalRoles, "log-server"];
    const { file } = await makeLabCluster(folder, { ...wholeCluster, roles: withLogs, bastionRoles });
    const env = { IMAGECTL_STATE: state, IMAGECTL_CLUSTER: file };
    const { stdout } = await run(imagectl, ["secrets", "list", "--json"], { env });
    const rows = JSON.parse(stdout) as { name: string; since: string | null; make: string }[];
    for (const name of names) {
      const row = rows.find((each) => each.name === name);
      if (row === undefined) throw new Error(`no machine of the lab needs ${name}`);
      if (row.since !== null) continue;
      // Whoever runs the tests is root.
      const script = `set -eu; sudo() { "$@"; }; ${row.make}`;
      const path = `${dirname(imagectl)}:${process.env.PATH}`;
      const { exitCode, stderr } = await run("bash", ["-o", "pipefail", "-c", script], {
        env: { ...env, PATH: path },
        okExitCodes: [0, 1],
      });
      // Another test file was faster.
      if (exitCode !== 0 && !stderr.includes("[SECRET_EXISTS]"))
        throw new Error(`${row.make} failed: ${stderr}`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}
