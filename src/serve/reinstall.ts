/** Reinstalls and rescues of running nodes: all that can be refused is refused first, then each is armed and told to start anew. */
import type { DiskPolicy } from "../cluster/config.ts";
import { describeError, type Finding, throwOnErrors } from "../errors.ts";
import type { Attempt, Attempts } from "../nodes/attempts.ts";
import type { Purpose } from "../nodes/event.ts";
import type { PlanInput } from "../plan/make.ts";
import type { Image } from "../store/manifest.ts";
import { type ArmingDependencies, armPrepared, type Prepared, prepareNodes } from "./arming.ts";
import type {
  ReinstallAnswer,
  ReinstallRequestBody,
  RescueAnswer,
  RescueRequestBody,
} from "./operator-types.ts";
import type { NodeAddress, Restarter } from "./restart.ts";

export type ReinstallDependencies = ArmingDependencies & {
  readonly attempts: Pick<Attempts, "append" | "arm" | "frozenPlan" | "installed" | "latest">;
  readonly restarter: Restarter;
};

/** A running node, and where it answers: its installed plan may have another address than the file has by now. */
type Reached = Prepared & { readonly place: NodeAddress; readonly installed: Attempt | undefined };

/**
 * With `isDryRun` it says what would happen. Otherwise nodes are armed and restarted, all at once; a node that
 * cannot be told to restart is disarmed again, so that no later power cycle surprises anybody.
 * @throws ImagectlError REINSTALL_REFUSED with every reason, before anything is changed.
 */
export async function reinstallNodes(
  dependencies: ReinstallDependencies,
  input: PlanInput,
  revision: string,
  request: ReinstallRequestBody,
): Promise<readonly ReinstallAnswer[]> {
  const names = [...new Set(request.nodes)];
  const { ready, findings } = await prepareUnarmed(dependencies, input, names, "deploy");
  const { reached, unreachable } = await reachAll(dependencies, ready, "arm");
  throwOnErrors("REINSTALL_REFUSED", "nothing was changed", [...findings, ...unreachable]);
  return Promise.all(
    reached.map(async (one) => {
      const view = viewOf(dependencies, one);
      if (request.isDryRun) return view;
      const { deadlineSeconds } = request;
      const order = { revision, deadlineSeconds, purpose: "deploy" } as const;
      return { ...view, ...(await restartArmed(dependencies, one, armPrepared(dependencies, one, order))) };
    }),
  );
}

/**
 * The next network boot of each node brings the deploy environment up and writes to no disk; with `isNow` its
 * running system is told to start anew.
 * @throws ImagectlError RESCUE_REFUSED with every reason, before anything is changed.
 */
export async function rescueNodes(
  dependencies: ReinstallDependencies,
  input: PlanInput,
  revision: string,
  request: RescueRequestBody,
): Promise<readonly RescueAnswer[]> {
  const names = [...new Set(request.nodes)];
  const { ready, findings } = await prepareUnarmed(dependencies, input, names, "rescue");
  const isNow = request.isNow && ready.length > 0;
  const { reached, unreachable } = isNow
    ? await reachAll(dependencies, ready, "rescue")
    : { reached: [], unreachable: [] };
  throwOnErrors("RESCUE_REFUSED", "nothing was changed", [...findings, ...unreachable]);
  const order = { revision, deadlineSeconds: request.deadlineSeconds, purpose: "rescue" } as const;
  return isNow
    ? Promise.all(
        reached.map(async (one) => ({
          node: one.node,
          ...(await restartArmed(dependencies, one, armPrepared(dependencies, one, order))),
        })),
      )
    : ready.map((one) => ({ node: one.node, attempt: armPrepared(dependencies, one, order) }));
}

async function prepareUnarmed(
  dependencies: ReinstallDependencies,
  input: PlanInput,
  names: readonly string[],
  purpose: Purpose,
): Promise<{ readonly ready: readonly Prepared[]; readonly findings: readonly Finding[] }> {
  const prepared = await prepareNodes(dependencies, input, names, purpose);
  const live = names.flatMap((name) => {
    const state = dependencies.attempts.latest(name)?.state;
    return state?.isLive === true ? [liveFinding(name, state.stage)] : [];
  });
  return { ready: prepared.ready, findings: [...prepared.findings, ...live] };
}

async function reachAll(
  { attempts, restarter }: ReinstallDependencies,
  nodes: readonly Prepared[],
  command: "arm" | "rescue",
): Promise<{ readonly reached: readonly Reached[]; readonly unreachable: readonly Finding[] }> {
  const outcomes = await Promise.all(
    nodes.map(async (one): Promise<Reached | Finding> => {
      const installed = attempts.installed(one.node);
      const { hostname, address } =
        installed === undefined ? one.plan.node : attempts.frozenPlan(installed.id).node;
      const place = { hostname, address };
      const problem = await restarter.whyUnreachable(place);
      return problem === undefined
        ? { ...one, place, installed }
        : unreachableFinding(one.node, problem, command);
    }),
  );
  return {
    reached: outcomes.flatMap((outcome) => ("place" in outcome ? [outcome] : [])),
    unreachable: outcomes.flatMap((outcome) => ("place" in outcome ? [] : [outcome])),
  };
}

/** @returns the attempt as it is afterwards, and why the node could not be told to restart. */
async function restartArmed(
  { attempts, restarter, now }: ReinstallDependencies,
  { place, plan }: Reached,
  attempt: Attempt,
): Promise<{ readonly attempt: Attempt; readonly problem?: string }> {
  try {
    const restarted = await restarter.restart(place, attempt, plan.node.restart);
    return {
      attempt: attempts.append(attempt.id, { kind: "restart-requested", ...restarted }, now()).attempt,
    };
  } catch (error) {
    const disarmed = attempts.append(attempt.id, { kind: "disarmed" }, now());
    return { attempt: disarmed.attempt, problem: describeError(error) };
  }
}

function viewOf(
  { attempts }: ReinstallDependencies,
  { node, plan, image, installed }: Reached,
): ReinstallAnswer {
  const { restart, disk } = plan.node;
  return {
    node,
    image: describeImage(image),
    disk: disk satisfies DiskPolicy,
    restart,
    ...(installed === undefined
      ? {}
      : {
          installed: {
            os: attempts.frozenPlan(installed.id).image.os,
            imageId: installed.imageId,
            since: installed.armedAt,
          },
        }),
  };
}

function describeImage({ id, manifest }: Image): ReinstallAnswer["image"] {
  return { id, os: manifest.os, createdAt: manifest.createdAt };
}

function liveFinding(node: string, stage: string): Finding {
  return {
    code: "NODE_ALREADY_ARMED",
    where: node,
    message: `it has a live attempt already (${stage})`,
    hint: `Follow it with: imagectl watch ${node}. Give it up with: imagectl disarm ${node}`,
    severity: "error",
  };
}

function unreachableFinding(node: string, problem: string, command: "arm" | "rescue"): Finding {
  return {
    code: "NODE_UNREACHABLE",
    where: node,
    message: `its running system cannot be told to restart: ${problem}`,
    hint: `Do it by hand: imagectl ${command} ${node}, then switch it off and on.`,
    severity: "error",
  };
}
