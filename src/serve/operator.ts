/** What the operator API does: each verb from the cluster file as it is now, the attempts and the nodes' doors. */
import { digestOf } from "../digest.ts";
import { ImagectlError } from "../errors.ts";
import type { Attempt, Attempts } from "../nodes/attempts.ts";
import { isInstalled } from "../nodes/installed.ts";
import { nodeOverlay } from "../plan/fill-secrets.ts";
import { planNode } from "../plan/make.ts";
import type { NodePart } from "../plan/plan.ts";
import type { SecretStore } from "../secrets.ts";
import type { CheckResult, Report } from "../verify/report.ts";
import type { SshDoor } from "../verify/ssh.ts";
import { type ArmingDependencies, armNodes } from "./arming.ts";
import type { ClusterSource } from "./cluster-source.ts";
import { requireAttempt } from "./operator-routes.ts";
import type { ArmAnswer, ArmRequestBody, DisarmAnswer, NodeView, TargetList } from "./operator-types.ts";
import { revisionOf } from "./revision.ts";
import type { Supervisor } from "./supervise.ts";

export type OperatorSettings = {
  readonly source: ClusterSource;
  readonly attempts: Attempts;
  readonly arming: Pick<ArmingDependencies, "findImage" | "loadManifest">;
  readonly secrets: Pick<SecretStore, "read">;
  readonly doorOf: (node: NodePart) => SshDoor;
  readonly sendOverlay: (
    door: SshDoor,
    overlay: Uint8Array,
    options: { readonly isDryRun: boolean; readonly onLine: (line: string) => void },
  ) => Promise<number>;
  readonly supervisor: Supervisor;
  readonly now: () => Date;
};

export type Operator = {
  arm(request: ArmRequestBody): Promise<readonly ArmAnswer[]>;
  disarm(nodes: readonly string[]): readonly DisarmAnswer[];
  nodes(): readonly NodeView[];
  targets(): Promise<TargetList>;
  apply(
    node: string,
    isDryRun: boolean,
    onLine: (text: string) => void,
  ): Promise<{ readonly exitCode: number; readonly isReinstallNeeded: boolean }>;
  verify(node: string, onResult: (result: CheckResult) => void): Promise<Report>;
};

export function openOperator(settings: OperatorSettings): Operator {
  const { source, attempts, arming, supervisor, now } = settings;
  return {
    arm: async (request) => {
      const input = await source.fresh();
      return armNodes(
        { ...arming, attempts, secrets: settings.secrets, now },
        input,
        await revisionOf(source.path),
        request,
      );
    },
    disarm: (nodes) => {
      const live = [...new Set(nodes)].map((node) => requireLive(attempts, node));
      return live.map(({ node, id }) => ({
        node,
        attempt: attempts.append(id, { kind: "disarmed" }, now()).attempt,
      }));
    },
    nodes: () => listNodes(source, attempts),
    targets: async () => {
      await source.refreshIfChanged();
      const groups = source.current().cluster.groups.map(({ name, method }) => ({ name, method }));
      return { nodes: listNodes(source, attempts), groups };
    },
    apply: async (name, isDryRun, onLine) => {
      const { node, image } = planNode(await source.fresh(), name);
      const attempt = requireInstalled(attempts, name);
      const overlay = await nodeOverlay(node, settings.secrets);
      const exitCode = await settings.sendOverlay(settings.doorOf(node), overlay, { isDryRun, onLine });
      const installed = attempts.frozenPlan(attempt.id).image;
      return { exitCode, isReinstallNeeded: digestOf(installed) !== digestOf(image) };
    },
    verify: async (name, onResult) => {
      const { node } = planNode(await source.fresh(), name);
      return supervisor.verify(requireInstalled(attempts, name), node, onResult);
    },
  };
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
  if (isInstalled(attempt.state)) return attempt;
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
  const latest = new Map(attempts.latestOfAll().map((attempt) => [attempt.node, attempt]));
  const declared = nodes.map(({ name, group, address }) => ({
    node: name,
    group,
    address,
    attempt: latest.get(name),
  }));
  const names = new Set(nodes.map(({ name }) => name));
  const gone = [...latest.values()].filter((attempt) => !names.has(attempt.node));
  return [
    ...declared,
    ...gone.map((attempt) => ({ node: attempt.node, group: undefined, address: attempt.address, attempt })),
  ];
}
