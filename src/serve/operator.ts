/** What the operator API does: each verb from the cluster file as it is now, the attempts and the nodes' doors. */
import { digestOf } from "../digest.ts";
import { ImagectlError } from "../errors.ts";
import type { Attempt, Attempts } from "../nodes/attempts.ts";
import { isInstalled } from "../nodes/installed.ts";
import { retireNode } from "../nodes/retire.ts";
import type { Seeds } from "../nodes/seeds.ts";
import { nodeOverlay } from "../plan/fill-secrets.ts";
import { planNode } from "../plan/make.ts";
import type { NodePart } from "../plan/plan.ts";
import type { SecretStore } from "../secrets.ts";
import type { CheckResult, Report } from "../verify/report.ts";
import type { SshDoor } from "../verify/ssh.ts";
import { type ArmingDependencies, armNodes } from "./arming.ts";
import type { ClusterSource } from "./cluster-source.ts";
import { compareNode } from "./compare-node.ts";
import type { NodeDoors } from "./node-door.ts";
import { requireAttempt } from "./operator-routes.ts";
import type {
  ArmAnswer,
  ArmRequestBody,
  DisarmAnswer,
  NeededImage,
  NodeDiff,
  NodeView,
  ReinstallAnswer,
  ReinstallRequestBody,
  RescueAnswer,
  RescueRequestBody,
  RetireAnswer,
  TargetList,
} from "./operator-types.ts";
import { reinstallNodes, rescueNodes } from "./reinstall.ts";
import type { Restarter } from "./restart.ts";
import { revisionOf } from "./revision.ts";
import type { Supervisor } from "./supervise.ts";

export type OperatorSettings = {
  readonly source: ClusterSource;
  readonly attempts: Attempts;
  readonly arming: Pick<ArmingDependencies, "findAnyImage" | "findImage" | "loadManifest">;
  readonly restarter: Restarter;
  readonly secrets: Pick<SecretStore, "read">;
  readonly doors: Pick<NodeDoors, "knownHostsFile" | "refresh">;
  readonly seeds: Pick<Seeds, "hostKeysOf">;
  readonly doorOf: (node: NodePart) => SshDoor;
  readonly sendOverlay: (
    door: SshDoor,
    overlay: Uint8Array,
    options: { readonly isDryRun: boolean; readonly onLine: (line: string) => void },
  ) => Promise<number>;
  /** @returns whether the node has a new host certificate. */
  readonly renewCertificate: (node: NodePart) => Promise<boolean>;
  readonly supervisor: Supervisor;
  readonly now: () => Date;
};

export type Operator = {
  arm(request: ArmRequestBody): Promise<readonly ArmAnswer[]>;
  reinstall(request: ReinstallRequestBody): Promise<readonly ReinstallAnswer[]>;
  rescue(request: RescueRequestBody): Promise<readonly RescueAnswer[]>;
  disarm(nodes: readonly string[]): readonly DisarmAnswer[];
  retire(node: string): Promise<RetireAnswer>;
  nodes(): readonly NodeView[];
  neededImages(): readonly NeededImage[];
  targets(): Promise<TargetList>;
  apply(
    node: string,
    isDryRun: boolean,
    onLine: (text: string) => void,
  ): Promise<{ readonly exitCode: number; readonly isReinstallNeeded: boolean }>;
  /** Changes nothing on the node. */
  diff(node: string): Promise<NodeDiff>;
  verify(node: string, onResult: (result: CheckResult) => void): Promise<Report>;
};

export function openOperator(settings: OperatorSettings): Operator {
  const { source, attempts, arming, supervisor, now } = settings;
  const dependencies = { ...arming, attempts, secrets: settings.secrets, now, restarter: settings.restarter };
  return {
    arm: async (request) => {
      const input = await source.fresh();
      return armNodes(dependencies, input, await revisionOf(source.path), request);
    },
    reinstall: async (request) => {
      const input = await source.fresh();
      return reinstallNodes(dependencies, input, await revisionOf(source.path), request);
    },
    rescue: async (request) => {
      const input = await source.fresh();
      return rescueNodes(dependencies, input, await revisionOf(source.path), request);
    },
    disarm: (nodes) => {
      const live = [...new Set(nodes)].map((node) => requireLive(attempts, node));
      return live.map(({ node, id }) => ({
        node,
        attempt: attempts.append(id, { kind: "disarmed" }, now()).attempt,
      }));
    },
    retire: async (node) => {
      const retired = retireNode(attempts, settings.seeds, node, now());
      await settings.doors.refresh();
      return { node, ...retired, knownHostsFile: settings.doors.knownHostsFile };
    },
    nodes: () => listNodes(source, attempts),
    neededImages: () => findNeededImages(attempts),
    targets: async () => {
      await source.refreshIfChanged();
      const groups = source.current().cluster.groups.map(({ name, method }) => ({ name, method }));
      return { nodes: listNodes(source, attempts), groups };
    },
    apply: async (name, isDryRun, onLine) => {
      const { node, image } = planNode(await source.fresh(), name);
      const attempt = requireInstalled(attempts, name);
      const overlay = await nodeOverlay(node, settings.secrets);
      if (!isDryRun && (await settings.renewCertificate(node))) onLine("its host key is certified anew");
      const exitCode = await settings.sendOverlay(settings.doorOf(node), overlay, { isDryRun, onLine });
      const installed = attempts.frozenPlan(attempt.id).image;
      return { exitCode, isReinstallNeeded: digestOf(installed) !== digestOf(image) };
    },
    diff: async (name) => {
      const plan = planNode(await source.fresh(), name);
      const installed = attempts.frozenPlan(requireInstalled(attempts, name).id).image;
      const door = settings.doorOf(plan.node);
      return compareNode({
        plan,
        overlay: await nodeOverlay(plan.node, settings.secrets),
        installed,
        dryRun: (overlay, onLine) => settings.sendOverlay(door, overlay, { isDryRun: true, onLine }),
      });
    },
    verify: async (name, onResult) => {
      const { node } = planNode(await source.fresh(), name);
      return supervisor.verify(requireInstalled(attempts, name), node, onResult);
    },
  };
}

/** What a node was installed with is needed to tell what was changed on it, and to bring it back. */
function findNeededImages(attempts: Attempts): NeededImage[] {
  const live = attempts.live().map(({ node, imageId }) => ({ imageId, node, reason: "live" as const }));
  const installed = attempts.latestOfAll().flatMap(({ node }) => {
    const attempt = attempts.installed(node);
    return attempt === undefined ? [] : [{ imageId: attempt.imageId, node, reason: "installed" as const }];
  });
  return [...installed, ...live];
}

function requireLive(attempts: Attempts, node: string): Attempt {
  const attempt = attempts.latest(node);
  if (attempt?.state.isLive === true) return attempt;
  throw new ImagectlError("NODE_NOT_ARMED", `${node} has no live attempt`, {
    hint: "Which nodes have one: imagectl nodes",
  });
}

/** @throws ImagectlError NODE_NOT_DEPLOYED for a node whose disk has no finished system of ours. */
function requireInstalled(attempts: Attempts, node: string): Attempt {
  const attempt = requireAttempt(attempts, node);
  const installed = attempts.installed(node);
  // While it is on its way to another system, or to a rescue, only that way counts.
  const isOnItsWay = attempt.state.isLive && attempt.id !== installed?.id;
  if (installed !== undefined && isInstalled(installed.state) && !isOnItsWay) return installed;
  throw new ImagectlError(
    "NODE_NOT_DEPLOYED",
    `${node} is not installed (its last attempt: ${attempt.state.stage})`,
    {
      hint: attempt.state.isLive
        ? `Follow it with: imagectl watch ${node}`
        : `Install it: imagectl arm ${node}`,
    },
  );
}

function listNodes(source: ClusterSource, attempts: Attempts): readonly NodeView[] {
  const { nodes } = source.current().cluster;
  const known = new Map(
    attempts.latestOfAll().map(({ node }) => [node, attempts.current(node) as Attempt] as const),
  );
  const declared = nodes.map(({ name, group, address }) => ({
    node: name,
    group,
    address,
    attempt: known.get(name),
  }));
  const names = new Set(nodes.map(({ name }) => name));
  const gone = [...known.values()].filter((attempt) => !names.has(attempt.node));
  const all = [
    ...declared,
    ...gone.map((attempt) => ({ node: attempt.node, group: undefined, address: attempt.address, attempt })),
  ];
  return all.map((view) => ({ ...view, hasSystem: attempts.installed(view.node) !== undefined }));
}
