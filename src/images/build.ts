/** Builds images: from a plan to a published manifest, or to the news that it is there already. */
import { join } from "node:path";
import { buildOverlay } from "../plan/overlay.ts";
import type { ImagePlan } from "../plan/plan.ts";
import { formatBytes } from "../quantity.ts";
import type { BuildFile } from "../roles/role.ts";
import type { Artefact, Image, Manifest } from "../store/manifest.ts";
import type { Store } from "../store/store.ts";
import type { Apt } from "./apt.ts";
import type { BuildEvent } from "./build-event.ts";
import { requireBuildFiles } from "./build-files.ts";
import type { BuildRoom } from "./build-room.ts";
import type { BuildStep } from "./build-step.ts";
import { environmentFor, findDebian, type OperatingSystem } from "./catalogue.ts";
import { findLock, lockArtefact } from "./find-lock.ts";
import { debianInstallerPlanKey, installerRequest, installerSteps } from "./installer-recipe.ts";
import {
  type BuiltImage,
  bootsBy,
  debianInstallerManifest,
  deployEnvironmentManifest,
  goldenManifest,
  withBoot,
} from "./manifests.ts";
import {
  compareLocks,
  formatLock,
  type PackageLock,
  type PackageRequest,
  samePackages,
} from "./package-lock.ts";
import {
  deployEnvironmentPlanKey,
  deployEnvironmentRequest,
  deployEnvironmentSteps,
  emptyLock,
  goldenPlanKey,
  goldenRequest,
  goldenSteps,
  imageKey,
  type RecipeFiles,
} from "./recipe.ts";
import { artefactPath, measureRoot, runStep, writeArtefact } from "./run-steps.ts";
import { openProgress, type StepProgress } from "./step-progress.ts";

/** What only a real build needs: an up-to-date image takes no lock and starts no program. */
export type Bench = {
  readonly room: BuildRoom;
  /** @param from where packages are: a system's archives, and others beside them. */
  readonly openApt: (from: Pick<PackageRequest, "os" | "components" | "archives">) => Promise<Apt>;
  /** Roots as their packages left them, kept between builds. */
  readonly bases: string;
};

/** What builds work with. Whoever wires it decides where things lie and what time it is. */
export type Workshop = {
  readonly os: OperatingSystem;
  readonly files: RecipeFiles;
  readonly store: Store;
  /** The folder from which plans name files of the operator: the cluster file's. */
  readonly filesFrom: string;
  readonly signingKeyPem: string;
  /** True: resolve packages anew even where a lock holds. */
  readonly isUpdate: boolean;
  readonly now: () => Date;
  readonly signal: AbortSignal;
  readonly onEvent: (event: BuildEvent) => void;
  readonly openBench: () => Promise<Bench>;
};

/** One image to build. */
type Order = {
  /** For people: `debian-12 golden image`. */
  readonly title: string;
  readonly kind: Manifest["kind"];
  readonly planKey: string;
  readonly request: PackageRequest;
  readonly buildFiles: readonly BuildFile[];
  readonly steps: (lock: PackageLock) => BuildStep[];
  readonly manifest: (built: BuiltImage) => Manifest;
  /** Makes an existing manifest what this order would publish now, where that needs no build. */
  readonly refresh: (manifest: Manifest) => Manifest;
};

/** Steps of every build beside those of its recipe: resolve, fetch, make the repository, publish. */
const commonSteps = 4;

/**
 * Brings the deploy environment and one golden image for each plan up to date.
 * @returns the golden images, in the order of the plans.
 * @throws ImagectlError of the step that failed; nothing of that image is published then.
 */
export async function buildImages(plans: readonly ImagePlan[], workshop: Workshop): Promise<Image[]> {
  const deployEnvironment = await buildDeployEnvironment(workshop);
  const images: Image[] = [];
  for (const [index, plan] of plans.entries()) {
    const suffix = plans.length === 1 ? "" : ` ${index + 1} of ${plans.length}`;
    const overlay = await buildOverlay({ ...plan, name: "image" });
    const order = orderGolden({ plan, overlay, deployEnvironment, suffix }, workshop);
    images.push(await bringUpToDate(order, workshop));
  }
  return images;
}

/** Brings the deploy environment that is for the workshop's system up to date. @throws ImagectlError of the step that failed. */
export function buildDeployEnvironment(workshop: Workshop): Promise<Image> {
  return bringUpToDate(orderDeployEnvironment(workshop), workshop);
}

/**
 * Brings the system's own installer up to date.
 * @throws ImagectlError OS_UNKNOWN, and of the step that failed; nothing is published then.
 */
export function buildInstaller(workshop: Workshop): Promise<Image> {
  const { files } = workshop;
  const os = findDebian(workshop.os.id);
  const order: Order = {
    title: `${os.id} installer`,
    kind: "installer",
    planKey: debianInstallerPlanKey(os, files),
    request: installerRequest(os),
    buildFiles: [],
    steps: (lock) => installerSteps(os, lock, files),
    manifest: debianInstallerManifest,
    refresh: (manifest) => manifest,
  };
  return bringUpToDate(order, workshop);
}

function orderDeployEnvironment({ os: brought, files }: Workshop): Order {
  const os = environmentFor(brought);
  return {
    title: `${os.id} deploy environment`,
    kind: "deploy-environment",
    planKey: deployEnvironmentPlanKey(os, files),
    request: deployEnvironmentRequest(os),
    buildFiles: [],
    steps: (lock) => deployEnvironmentSteps(os, lock, files),
    manifest: deployEnvironmentManifest,
    refresh: (manifest) => manifest,
  };
}

type GoldenOrder = {
  readonly plan: ImagePlan;
  readonly overlay: Uint8Array;
  readonly deployEnvironment: Image;
  readonly suffix: string;
};

function orderGolden({ plan, overlay, deployEnvironment, suffix }: GoldenOrder, workshop: Workshop): Order {
  const { os, files } = workshop;
  return {
    title: `${os.id} golden image${suffix}`,
    kind: "golden",
    planKey: goldenPlanKey(os, plan, files),
    request: goldenRequest(os, plan),
    buildFiles: plan.buildFiles ?? [],
    steps: (lock) => goldenSteps(os, { plan, overlay, lock }, files),
    manifest: (built) => goldenManifest(built, deployEnvironment),
    refresh: (manifest) =>
      bootsBy(manifest, deployEnvironment)
        ? manifest
        : { ...withBoot(manifest, deployEnvironment), createdAt: workshop.now().toISOString() },
  };
}

async function bringUpToDate(order: Order, workshop: Workshop): Promise<Image> {
  const { store } = workshop;
  const newest = await store.findNewest(order.planKey);
  const isWhole = newest !== undefined && (await store.verify(newest.id)).length === 0;
  if (isWhole && !workshop.isUpdate) return reuse(newest, order, workshop);

  const reason = isWhole
    ? "looking for newer packages"
    : newest === undefined
      ? "no image for this plan yet"
      : "damaged";
  workshop.onEvent({ kind: "build-started", image: order.title, reason });
  await requireBuildFiles(order.buildFiles, workshop.filesFrom);
  const bench = await workshop.openBench();
  const folder = join(bench.room.folder, order.planKey.slice(0, 12));
  const progress = openProgress({
    image: order.title,
    total: commonSteps + order.steps(emptyLock(order.request.os)).length,
    now: workshop.now,
    signal: workshop.signal,
    onEvent: workshop.onEvent,
    leaves: { logPath: bench.room.logPath, root: join(folder, "root") },
  });
  const apt = await bench.openApt(order.request);
  const lock = await progress("resolve packages", () => resolveLock(order, workshop, apt));
  if (isWhole && newest.manifest.key === imageKey(order.planKey, lock)) return reuse(newest, order, workshop);
  return build(order, lock, { workshop, bench, apt, folder, progress });
}

async function reuse(image: Image, order: Order, workshop: Workshop): Promise<Image> {
  const manifest = order.refresh(image.manifest);
  const current =
    manifest === image.manifest ? image : await workshop.store.publish(manifest, workshop.signingKeyPem);
  const { createdAt } = manifest;
  workshop.onEvent({ kind: "up-to-date", image: order.title, id: current.id, createdAt });
  return current;
}

async function resolveLock(order: Order, workshop: Workshop, apt: Apt) {
  const known = await findLock(workshop.store, order.kind, order.request);
  if (known !== undefined && !workshop.isUpdate) return { value: known, result: "as locked" };
  const fresh = await apt.resolve(order.request, workshop.now());
  const result = `${fresh.packages.length} packages`;
  // The same packages on another day are the same image: the older lock's date stays.
  if (known === undefined) return { value: fresh, result };
  if (samePackages(known, fresh)) return { value: known, result: `${result}, none is newer` };
  return { value: fresh, result: `${result}, ${describeChanges(compareLocks(known, fresh))}` };
}

/** The first few by name: the whole list is the difference of two packages.lock. */
function describeChanges(changes: readonly string[]): string {
  const shown = changes.slice(0, 5).join(", ");
  return `${changes.length} changed: ${shown}${changes.length > 5 ? " …" : ""}`;
}

type BuildPlace = {
  readonly workshop: Workshop;
  readonly bench: Bench;
  readonly apt: Apt;
  readonly folder: string;
  readonly progress: StepProgress;
};

async function build(order: Order, lock: PackageLock, place: BuildPlace): Promise<Image> {
  const { workshop, bench, apt, folder, progress } = place;
  const { room, bases } = bench;
  const startedAt = workshop.now().getTime();
  const repository = join(folder, "repository");
  await progress("fetch packages", async () => ({ value: undefined, result: await apt.download(lock) }));
  await progress("make the repository", async () => ({ value: await apt.makeRepository(lock, repository) }));
  const { filesFrom, signal } = workshop;
  const context = { folder, repository, bases, lock, filesFrom, signal, onLine: room.log };
  const steps = order.steps(lock);
  for (const step of steps) {
    room.log(`== ${order.title}: ${step.name}`);
    await progress(step.name, async () => ({ value: undefined, result: await runStep(step, context) }));
  }
  const image = await progress("publish", async () => {
    const rootBytes = order.kind === "golden" ? await measureRoot(context) : 0;
    const artefacts = await moveArtefacts(steps, lock, context, workshop.store);
    const { os } = order.request;
    const built = { os, planKey: order.planKey, createdAt: workshop.now(), lock, artefacts, rootBytes };
    const value = await workshop.store.publish(order.manifest(built), workshop.signingKeyPem);
    return { value, result: formatBytes(totalBytes(value)) };
  });
  await room.discard(folder);
  const seconds = (workshop.now().getTime() - startedAt) / 1000;
  workshop.onEvent({
    kind: "published",
    image: order.title,
    id: image.id,
    bytes: totalBytes(image),
    seconds,
  });
  return image;
}

function totalBytes(image: Image): number {
  return image.manifest.artefacts.reduce((sum, { bytes }) => sum + bytes, 0);
}

async function moveArtefacts(
  steps: readonly BuildStep[],
  lock: PackageLock,
  context: { readonly folder: string },
  store: Store,
): Promise<Artefact[]> {
  await writeArtefact(context, lockArtefact, formatLock(lock));
  const names = [...steps.flatMap(artefactNames), lockArtefact];
  const artefacts: Artefact[] = [];
  for (const name of names) artefacts.push(await store.addBlob({ name, path: artefactPath(context, name) }));
  return artefacts;
}

function artefactNames(step: BuildStep): string[] {
  switch (step.kind) {
    case "pack-root":
      return [step.artefact];
    case "keep-files":
      return step.files.map((file) => file.artefact);
    case "bootstrap":
    case "run-in-root":
    case "check-drivers":
      return [];
    default:
      return step satisfies never;
  }
}
