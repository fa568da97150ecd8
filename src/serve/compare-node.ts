/** A running node against the cluster file: what an apply would change, what takes a reinstall, what was changed there. */
import { ImagectlError } from "../errors.ts";
import { type FoundChange, parseDryRun } from "../plan/apply-report.ts";
import { compareImagePlans } from "../plan/compare.ts";
import { buildOverlay } from "../plan/overlay.ts";
import type { ImagePlan, Layer, NodePlan } from "../plan/plan.ts";
import type { FoundOnNode, NodeDiff } from "./operator-types.ts";

export type Comparison = {
  readonly plan: NodePlan;
  /** The node layer of that plan, as apply would send it. */
  readonly overlay: Uint8Array;
  /** The image layer of the plan that the node was armed with. */
  readonly installed: ImagePlan;
  readonly dryRun: DryRun;
};

/** Tries a layer on the node and changes nothing; answers with the script's exit code. */
export type DryRun = (overlay: Uint8Array, onLine: (line: string) => void) => Promise<number>;

/**
 * Two dry runs on the node. That of the node layer as it is wanted shows what is due; that of the image layer
 * as it was *installed* shows what somebody changed since: against the wanted one, both would look alike.
 * @throws ImagectlError COMMAND_FAILED when the node cannot be reached or its script failed.
 */
export async function compareNode({ plan, overlay, installed, dryRun }: Comparison): Promise<NodeDiff> {
  const { hostname } = plan.node;
  const wanted = await tryLayer(hostname, overlay, dryRun);
  const drifted = await tryLayer(hostname, await buildOverlay({ ...installed, name: "image" }), dryRun);
  return {
    node: hostname,
    due: wanted.map((change) => found(change, plan.node)),
    reinstall: compareImagePlans(installed, plan.image),
    drift: drifted.map((change) => found(change, installed)),
  };
}

async function tryLayer(node: string, overlay: Uint8Array, dryRun: DryRun): Promise<FoundChange[]> {
  const lines: string[] = [];
  const exitCode = await dryRun(overlay, (line) => lines.push(line));
  if (exitCode === 0 || exitCode === foundSomething) return parseDryRun(lines);
  throw new ImagectlError(
    "COMMAND_FAILED",
    `${node}: the dry run ended with exit code ${exitCode}\n${lines.slice(-12).join("\n")}`,
    { hint: `See it by itself: imagectl apply ${node} --dry-run` },
  );
}

/** Exit code of templates/apply.sh. */
const foundSomething = 3;

function found(change: FoundChange, layer: Layer): FoundOnNode {
  const owner =
    layer.files.find(({ path }) => path === change.what) ??
    layer.commands.find(({ name }) => name === change.what) ??
    layer.services.find(({ unit }) => change.what.startsWith(`${unit} `));
  return { ...change, role: owner?.role };
}
