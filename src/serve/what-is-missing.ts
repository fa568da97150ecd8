/** What an operator has to do before nodes can be armed, said when the server starts instead of at the first arm. */
import { digestOf } from "../digest.ts";
import { ImagectlError } from "../errors.ts";
import { type PlanInput, planNode } from "../plan/make.ts";
import type { ImagePlan, NodePlan } from "../plan/plan.ts";

/** So many nodes are named. */
const namedNodes = 5;

/**
 * @param hasImage whether the store has one for the plan.
 * @returns one line with a command; undefined when every node of the file can be armed, or for another reason cannot.
 */
export async function whatIsMissing(
  input: PlanInput,
  clusterFile: string,
  hasImage: (plan: ImagePlan) => Promise<boolean>,
): Promise<string | undefined> {
  const { nodes } = input.cluster;
  if (nodes.length === 0)
    return `there are no nodes yet: add them to ${clusterFile}, which is read again by itself`;
  const known = new Map<string, boolean>();
  const lacking: string[] = [];
  for (const { name } of nodes) {
    const plan = planIfSound(input, name);
    if (plan?.node.method !== "golden") continue;
    const digest = digestOf(plan.image);
    const isThere = known.get(digest) ?? (await hasImage(plan.image));
    known.set(digest, isThere);
    if (!isThere) lacking.push(name);
  }
  if (lacking.length === 0) return undefined;
  const more = lacking.length > namedNodes ? ` and ${lacking.length - namedNodes} more` : "";
  const names = lacking.slice(0, namedNodes).join(", ");
  return `there is no image yet for ${names}${more}: imagectl build --cluster ${clusterFile}`;
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
