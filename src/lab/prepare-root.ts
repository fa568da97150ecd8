/** Makes an unpacked root a node's own, outside of a deploy but by the deploy environment's own steps. */
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sha256 } from "../digest.ts";
import { packageRoot } from "../paths.ts";
import { nodeOverlay } from "../plan/fill-secrets.ts";
import type { NodePlan } from "../plan/plan.ts";
import { run } from "../run.ts";
import type { SecretStore } from "../secrets.ts";

export type RootPreparation = {
  readonly plan: NodePlan;
  /** Unpacked root filesystem of the plan's image; never written to. */
  readonly lower: string;
  /** The folder of the host that will boot it. */
  readonly folder: string;
  /** Private key of the host CA in which the plan's bastion trusts. */
  readonly hostCaKey: string;
  readonly secrets: Pick<SecretStore, "read">;
};

/**
 * Applies the node's overlay in a chroot and makes and signs its host keys; all changes go to the folder's
 * upper layer.
 * @returns what the steps printed.
 * @throws ImagectlError COMMAND_FAILED with the last lines of the step that failed.
 */
export async function prepareRoot(preparation: RootPreparation): Promise<string> {
  const { plan, lower, folder, hostCaKey, secrets } = preparation;
  const session = join(folder, "session");
  for (const name of ["upper", "work", "root", "session"]) {
    mkdirSync(join(folder, name), { recursive: true });
  }
  const overlay = await nodeOverlay(plan.node, secrets);
  writeFileSync(join(session, "overlay.tar"), overlay);
  copyFileSync(hostCaKey, join(session, "host-ca"));
  const { hostname, domain, address } = plan.node;
  const isolated = ["--mount", "--net", "--uts", "--ipc", "--pid", "--fork", "--kill-child"];
  const script = join(packageRoot, "templates/lab/prepare-root.sh");
  const principals = [hostname, `${hostname}.${domain}`, address].join(",");
  const words = [script, folder, lower, hostname, principals, sha256(overlay), String(overlay.length)];
  const { stdout, stderr } = await run("unshare", [...isolated, "sh", ...words], { timeoutMs: 120_000 });
  return stdout + stderr;
}
