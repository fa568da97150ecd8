/** What an operator has to do before nodes can be armed, said when the server starts instead of at the first arm. */
import { digestOf } from "../digest.ts";
import { type Finding, ImagectlError } from "../errors.ts";
import { type PlanInput, planNode } from "../plan/make.ts";
import type { NodePlan } from "../plan/plan.ts";

/** So many nodes are named. */
const namedNodes = 5;

export type Looks = {
  /** Whether the store has an image for the plan. */
  readonly hasImage: (plan: NodePlan) => Promise<boolean>;
  /** A finding for each secret of these nodes that was not made yet. */
  readonly missingSecrets: (plans: readonly NodePlan[]) => Promise<readonly Finding[]>;
};

/** @returns lines with a command each; none when every node of the file can be armed, or for another reason cannot. */
export async function whatIsMissing(
  input: PlanInput,
  clusterFile: string,
  { hasImage, missingSecrets }: Looks,
): Promise<readonly string[]> {
  const { nodes } = input.cluster;
  if (nodes.length === 0)
    return [`there are no nodes yet: add them to ${clusterFile}, which is read again by itself`];
  const plans = nodes.flatMap(({ name }) => planIfSound(input, name) ?? []);
  const booted = plans.filter(({ node }) => node.method !== "none");
  const known = new Map<string, boolean>();
  const lacking: string[] = [];
  for (const plan of booted) {
    const { image, node } = plan;
    const digest = digestOf({ image, method: node.method });
    const isThere = known.get(digest) ?? (await hasImage(plan));
    known.set(digest, isThere);
    if (!isThere) lacking.push(node.hostname);
  }
  const secrets = await missingSecrets(booted);
  return [
    ...(lacking.length === 0
      ? []
      : [`there is no image yet for ${list(lacking)}: sudo imagectl build --cluster ${clusterFile}`]),
    ...(secrets.length === 0
      ? []
      : [`${list(secrets.map(({ where }) => where))} cannot be armed yet: ${sayFirst(secrets)}`]),
  ];
}

function list(names: readonly string[]): string {
  const distinct = [...new Set(names)];
  const more = distinct.length > namedNodes ? ` and ${distinct.length - namedNodes} more` : "";
  return `${distinct.slice(0, namedNodes).join(", ")}${more}`;
}

function sayFirst([first]: readonly Finding[]): string {
  return first === undefined ? "" : `${first.message}. ${first.hint}`;
}

/** What is wrong with a plan, validate says. */
function planIfSound(input: PlanInput, name: string): NodePlan | undefined {
  try {
    return planNode(input, name);
  } catch (error) {
    if (error instanceof ImagectlError) return undefined;
    throw error;
  }
}
