/** Which images somebody still needs: nodes that were installed with one, live attempts, plans of the cluster file. */
import { environmentFor, findOperatingSystem } from "../images/catalogue.ts";
import { bootedPlanKey } from "../images/installer-recipe.ts";
import type { PackageRequest } from "../images/package-lock.ts";
import { deployEnvironmentPlanKey, deployEnvironmentRequest, goldenRequest } from "../images/recipe.ts";
import { readRecipeFiles } from "../images/recipe-files.ts";
import { planNode } from "../plan/make.ts";
import type { NeededImage } from "../serve/operator-types.ts";
import type { Image } from "../store/manifest.ts";
import type { CommandIo } from "./command.ts";
import { operatorClient } from "./operator-client.ts";
import { planInput } from "./plan-context.ts";

/** An image that the cluster file asks for: what it is called in the store, and of which packages it is made. */
export type WantedImage = {
  readonly planKey: string;
  /** Absent: an installer brings packages as they are on the day. */
  readonly request?: PackageRequest;
  /** `node1`, or `every node with debian-12` for a deploy environment. */
  readonly wantedBy: string;
};

/** @throws ImagectlError as `planInput` does: of a broken file nobody knows what it needs. */
export async function findWanted(cluster: string | undefined, io: CommandIo): Promise<WantedImage[]> {
  const [input, files] = [await planInput(cluster, io.env), await readRecipeFiles()];
  const wanted = new Map<string, WantedImage>();
  const add = (image: WantedImage): void => {
    if (!wanted.has(image.planKey)) wanted.set(image.planKey, image);
  };
  for (const { name } of input.cluster.nodes) {
    const plan = planNode(input, name);
    const { method } = plan.node;
    if (method === "none") continue;
    const planKey = bootedPlanKey(plan, files);
    if (method === "installer") {
      add({ planKey, wantedBy: `every node that ${plan.image.os} is installed on` });
      continue;
    }
    const os = findOperatingSystem(plan.image.os);
    add({ planKey, request: goldenRequest(os, plan.image), wantedBy: name });
    const environment = environmentFor(os);
    add({
      planKey: deployEnvironmentPlanKey(environment, files),
      request: deployEnvironmentRequest(environment),
      wantedBy: `every node with ${os.id}`,
    });
  }
  return [...wanted.values()];
}

/**
 * @param images newest first.
 * @param isServed false: nothing was ever armed here, so there is no server to ask.
 * @returns by image id, who needs it.
 * @throws ImagectlError SERVER_NOT_RUNNING: only the server knows what is live and what was installed.
 */
export async function findNeeded(
  images: readonly Image[],
  cluster: string | undefined,
  isServed: boolean,
  io: CommandIo,
): Promise<ReadonlyMap<string, string>> {
  const needed = new Map<string, string>();
  for (const { planKey, wantedBy } of await findWanted(cluster, io)) {
    const newest = images.find(({ manifest }) => manifest.planKey === planKey);
    if (newest !== undefined) needed.set(newest.id, `the plan of ${wantedBy}`);
  }
  if (!isServed) return needed;
  const used = await operatorClient(io.env).get<readonly NeededImage[]>("/images/needed");
  for (const { imageId, node, reason } of used) {
    needed.set(imageId, reason === "live" ? `a live attempt of ${node}` : `${node} was installed with it`);
  }
  return needed;
}
