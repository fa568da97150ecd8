/** The image of the tests: built by the real command into a store of the tests' own, once per recipe. */
import { mkdirSync } from "node:fs";
import { basename, join } from "node:path";
import { expect } from "vitest";
import { makeSeed } from "../../src/cloud-init/seed.ts";
import { describeError } from "../../src/errors.ts";
import { operatingSystems as builtSystems, findOperatingSystem } from "../../src/images/catalogue.ts";
import { installers } from "../../src/images/installer/installers.ts";
import { bootedPlanKey } from "../../src/images/installer-recipe.ts";
import { readRecipeFiles } from "../../src/images/recipe-files.ts";
import { cacheDirectory, packageRoot, statePaths } from "../../src/paths.ts";
import { readPlanInput } from "../../src/plan/inputs.ts";
import { type PlanInput, planNode } from "../../src/plan/make.ts";
import type { NodePlan } from "../../src/plan/plan.ts";
import { run } from "../../src/run.ts";
import type { Artefact, Image } from "../../src/store/manifest.ts";
import { openStore } from "../../src/store/store.ts";
import { lab, ubuntuSystems } from "./lab-cluster.ts";
import { ensureRecovery } from "./recovery.ts";

export const imagectl = join(packageRoot, "bin/imagectl");
export const cache = cacheDirectory(process.env);
/** Store, keys and secrets of all tests: an image is signed by the keys beside it. */
export const testState = join(cache, "test-state");

/** Where the logs of this test file's server and machines stay: another one may be running beside it. */
export function logsFolder(): string {
  // The benchmarks open the same labs, without Vitest.
  const file = process.env.VITEST === undefined ? "bench" : expect.getState().testPath;
  return join(cache, "logs", basename(file ?? "vitest", ".test.ts"));
}

/** A cold build takes about three minutes on two cores. Milliseconds. */
const buildTimeoutMs = 20 * 60_000;

/** Others share the state: further sources of packages are there for one build alone, also after one that was killed. */
const buildWithSources = `
list=$1/lab.list sources=$2
shift 2
rm -f "$list"
trap 'rm -f "$list"' EXIT
[ -z "$sources" ] || { mkdir -p "$(dirname "$list")"; echo "$sources" >"$list"; }
"$@"
`;

/**
 * Makes the secrets, and builds what the cluster file needs, or finds it up to date; its progress is shown. Where a
 * mirror's index names packages of Ubuntu that the mirror has not: from what the release came out with, which never
 * changes.
 */
export async function ensureImage(clusterFile: string, os: string): Promise<void> {
  mkdirSync(testState, { recursive: true });
  await build(clusterFile, os, "").catch((error: unknown) => {
    const isUbuntu = ubuntuSystems.some((system) => system === os);
    if (!isUbuntu || !describeError(error).includes("PACKAGES_GONE")) throw error;
    console.log(`the archive's mirror is not whole: ${os} as it came out`);
    const { archives, codename } = findOperatingSystem(os);
    return build(clusterFile, os, `deb ${archives[0]?.uri} ${codename} main`);
  });
  await ensureSecrets(clusterFile);
}

/** @param sources of packages, as in sources.list(5), for another system than this machine's. */
async function build(clusterFile: string, os: string, sources: string): Promise<void> {
  const { aptSources } = statePaths({ IMAGECTL_STATE: testState });
  // One after the other: a second build with the same cache is refused.
  const script = [join(testState, "building"), "sh", "-euc", buildWithSources, "sh", aptSources, sources];
  await run("flock", [...script, imagectl, "build", "--os", os, "--cluster", clusterFile], {
    env: { IMAGECTL_STATE: testState, IMAGECTL_CACHE: cache },
    timeoutMs: buildTimeoutMs,
    onLine: (line) => console.log(line),
  });
}

/** Makes what the nodes' plans take in on their way, where it is missing. */
export async function ensureSecrets(clusterFile: string): Promise<void> {
  const { cluster } = await inputOf(clusterFile);
  const names = cluster.nodes.map(({ name }) => name);
  await ensureRecovery(statePaths({ IMAGECTL_STATE: testState }).secrets, names);
}

async function inputOf(clusterFile: string): Promise<PlanInput> {
  const keysDirectory = statePaths({ IMAGECTL_STATE: testState }).keys;
  const operatingSystems = builtSystems.map(({ id }) => id);
  const installedSystems = installers.map(({ os }) => os);
  return readPlanInput({ clusterFile, keysDirectory, operatingSystems, installedSystems, makeSeed });
}

/** The plan of the lab's node, or of another machine of the file, from the cluster file as it is now. */
export async function planOf(clusterFile: string, name: string = lab.node.name): Promise<NodePlan> {
  return planNode(await inputOf(clusterFile), name);
}

export type StoredImage = {
  readonly image: Image;
  /** Path and digest of one of its artefacts. */
  artefact(name: string): { readonly path: string; readonly sha256: string };
};

/** The image that a node with this plan is booted into. */
export async function imageOf(plan: NodePlan): Promise<StoredImage> {
  const store = openStore(statePaths({ IMAGECTL_STATE: testState }).store);
  const image = await store.findNewest(bootedPlanKey(plan, await readRecipeFiles()));
  if (image === undefined)
    throw new Error(`imagectl build left no image for the plan of ${plan.node.hostname}`);
  const find = (name: string): Artefact => {
    const artefact = image.manifest.artefacts.find((each) => each.name === name);
    if (artefact === undefined) throw new Error(`the image has no ${name}`);
    return artefact;
  };
  return {
    image,
    artefact: (name) => ({ path: store.blobPath(find(name).sha256), sha256: find(name).sha256 }),
  };
}
