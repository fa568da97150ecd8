/** The cluster file and the attempts -> whom the board asks, and what is known against each. */
import type { Attempt, Attempts } from "../nodes/attempts.ts";
import type { AttemptState } from "../nodes/event.ts";
import type { PlanInput } from "../plan/make.ts";
import { collectMonitoring } from "../plan/monitoring.ts";
import type { BoardNodeSource } from "./gpu-board.ts";

export function boardNodes(
  { cluster, roles }: Pick<PlanInput, "cluster" | "roles">,
  attempts: Pick<Attempts, "current" | "installed">,
): BoardNodeSource[] {
  const { scrapes } = collectMonitoring(cluster, roles);
  return cluster.nodes.map(({ name, group }) => ({
    node: name,
    group,
    away: whyAway(attempts.current(name), attempts.installed(name)),
    urls: scrapes
      .filter(({ hostname }) => hostname === name)
      .map(({ address, port, path }) => `http://${address}:${port}${path}`),
  }));
}

/** A machine that we never installed has nothing against it; an attempt that failed before it wrote takes nothing away. */
export function whyAway(current: Attempt | undefined, installed: Attempt | undefined): string {
  if (current === undefined) return "";
  const { state } = current.state.isLive ? current : (installed ?? current);
  if (state.isLive) return whileLive(state);
  return state.stage === "failed" ? `has failed: ${state.cause?.message ?? "see imagectl nodes"}` : "";
}

function whileLive({ stage, purpose, isDeployed }: AttemptState): string {
  if (purpose === "rescue") return "is in rescue";
  if (isDeployed) return "has its checks ahead of it";
  return stage === "armed" ? "is about to be installed" : "is being installed";
}
