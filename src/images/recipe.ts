/** Recipes: from an OS, a plan and a lock to the steps that build its images, and the keys that name them. Pure. */
import { digestOf, type Sha256 } from "../digest.ts";
import { buildFileName, type ImagePlan } from "../plan/plan.ts";
import { catalogueSources } from "./apt-sources.ts";
import type { BuildStep, StepFile } from "./build-step.ts";
import { type DebianSystem, type OperatingSystem, withComponents } from "./catalogue.ts";
import { requiredDrivers } from "./drivers.ts";
import type { PackageLock, PackageRequest } from "./package-lock.ts";

/** The files of templates/recipes and templates/deploy that steps run or bring along. */
export type RecipeFiles = {
  readonly golden: {
    readonly setup: string;
    readonly configure: string;
    readonly initramfsHook: string;
    readonly updateLoaders: string;
    readonly apply: string;
    readonly removeBuildPackages: string;
    readonly initramfs: string;
    readonly clean: string;
  };
  readonly deployEnvironment: {
    readonly initramfs: string;
    readonly folder: string;
    readonly packFolder: string;
    /** The initramfs-tools configuration of templates/deploy. */
    readonly files: readonly StepFile[];
  };
  readonly installer: {
    readonly environment: string;
    /** What is put over the installer's own files: templates/installers/debian. */
    readonly files: readonly StepFile[];
  };
  /** Run outside of the root, but they decide its bytes. */
  readonly packRoot: string;
  readonly enterRoot: string;
};

/** Everything of a package that a server never reads. Licences stay: Debian policy 12.5. */
const documentationExcludes = [
  "path-exclude=/usr/share/doc/*",
  "path-include=/usr/share/doc/*/copyright",
  "path-exclude=/usr/share/info/*",
  "path-exclude=/usr/share/lintian/*",
  "path-exclude=/usr/share/locale/*",
  "path-exclude=/usr/share/man/*",
] as const;

/** apt's pattern for what dpkg itself needs. */
const essential = "?essential";

export function goldenRequest(os: OperatingSystem, plan: ImagePlan): PackageRequest {
  const { components, archives, buildPackages = [] } = plan;
  const packages = [essential, ...packagesThatStay(os, plan), ...buildPackages];
  return {
    ...{ os: os.id, packages },
    ...(components === undefined ? {} : { components }),
    ...(archives === undefined ? {} : { archives }),
  };
}

function packagesThatStay(os: OperatingSystem, plan: ImagePlan): string[] {
  return [...os.basePackages, os.kernelPackage, ...os.firmwarePackages, ...plan.packages];
}

export function deployEnvironmentRequest(os: DebianSystem): PackageRequest {
  const packages = [...os.deployPackages, os.kernelPackage, ...os.firmwarePackages];
  return { os: os.id, packages: [essential, ...packages] };
}

/**
 * @returns which plan an image is for: a server looks for the newest image with this key. It covers the plan and
 *   every byte of the recipe that decides what is built, but not the versions of the packages.
 */
export function goldenPlanKey(os: OperatingSystem, plan: ImagePlan, files: RecipeFiles): Sha256 {
  const steps = goldenSteps(os, { plan, overlay: new Uint8Array(), lock: emptyLock(os.id) }, files);
  return digestOf({
    kind: "golden",
    ...recipeIdentity(os, files),
    plan,
    request: goldenRequest(os, plan),
    steps,
  });
}

export function deployEnvironmentPlanKey(os: DebianSystem, files: RecipeFiles): Sha256 {
  const steps = deployEnvironmentSteps(os, emptyLock(os.id), files);
  const request = deployEnvironmentRequest(os);
  return digestOf({ kind: "deploy-environment", ...recipeIdentity(os, files), request, steps });
}

export function recipeIdentity(os: OperatingSystem, files: RecipeFiles) {
  return { version: os.recipeVersion, packRoot: files.packRoot, enterRoot: files.enterRoot };
}

/** For what does not depend on the packages: a recipe's identity, the number of its steps. */
export function emptyLock(os: string): PackageLock {
  return { schema: 1, os, request: "", epoch: 0, packages: [] };
}

/** @returns what exactly is in an image: the plan and the packages. */
export function imageKey(planKey: Sha256, lock: PackageLock): Sha256 {
  return digestOf({ planKey, lock });
}

export type GoldenContents = {
  readonly plan: ImagePlan;
  /** The image layer of the plan, as a tar. */
  readonly overlay: Uint8Array;
  readonly lock: PackageLock;
};

export function goldenSteps(
  os: OperatingSystem,
  { plan, overlay, lock }: GoldenContents,
  files: RecipeFiles,
): BuildStep[] {
  const { golden } = files;
  const configureFiles: StepFile[] = [
    {
      path: "apt-sources.list",
      mode: 0o644,
      content: lines(catalogueSources(withComponents(os, plan.components))),
    },
    { path: "dpkg-excludes", mode: 0o644, content: lines(pathExcludes(os)) },
    { path: "initramfs-hook", mode: 0o755, content: golden.initramfsHook },
    { path: "update-loaders", mode: 0o755, content: golden.updateLoaders },
  ];
  return [
    {
      kind: "bootstrap",
      name: `install ${lock.packages.length} packages`,
      variant: "configured",
      packages: lock.packages.map((locked) => locked.name),
      dpkgOptions: pathExcludes(os),
      setup: golden.setup,
    },
    { kind: "run-in-root", name: "configure the system", script: golden.configure, files: configureFiles },
    {
      kind: "run-in-root",
      name: "apply the image layer",
      script: golden.apply,
      files: [{ path: "overlay.tar", mode: 0o644, content: overlay }],
      ...(plan.buildFiles === undefined
        ? {}
        : { broughtFiles: plan.buildFiles.map((from) => ({ path: buildFileName(from), from })) }),
    },
    ...removalOfBuildPackages(os, plan, files),
    { kind: "run-in-root", name: "make the initramfs", script: golden.initramfs, files: [] },
    {
      kind: "check-drivers",
      name: "check the initramfs's drivers",
      initrd: "boot/initrd.img-*",
      drivers: requiredDrivers,
    },
    { kind: "run-in-root", name: "clean up", script: golden.clean, files: [] },
    { kind: "pack-root", name: "pack the root file system", artefact: "root.tar.zst" },
    {
      kind: "keep-files",
      name: "take kernel and initramfs",
      files: [
        { artefact: "vmlinuz", path: "boot/vmlinuz-*" },
        { artefact: "initrd.img", path: "boot/initrd.img-*" },
      ],
    },
  ];
}

function removalOfBuildPackages(os: OperatingSystem, plan: ImagePlan, { golden }: RecipeFiles): BuildStep[] {
  const { buildPackages = [] } = plan;
  if (buildPackages.length === 0) return [];
  const list = (names: readonly string[]) => lines([...new Set(names)]);
  return [
    {
      kind: "run-in-root",
      name: "remove what only the build needed",
      script: golden.removeBuildPackages,
      files: [
        { path: "build-packages", mode: 0o644, content: list(buildPackages) },
        { path: "packages-that-stay", mode: 0o644, content: list(packagesThatStay(os, plan)) },
      ],
    },
  ];
}

export function deployEnvironmentSteps(
  os: OperatingSystem,
  lock: PackageLock,
  files: RecipeFiles,
): BuildStep[] {
  const { packFolder } = files.deployEnvironment;
  return [
    {
      kind: "bootstrap",
      name: `unpack ${lock.packages.length} packages`,
      variant: "unpacked",
      packages: lock.packages.map((locked) => locked.name),
      dpkgOptions: pathExcludes(os),
      setup: "",
    },
    initramfsStep(files),
    { kind: "check-drivers", name: "check its drivers", initrd: "out/initrd.img", drivers: requiredDrivers },
    folderStep(files),
    { kind: "run-in-root", name: "pack that folder", script: packFolder, files: [] },
    {
      kind: "keep-files",
      name: "take kernel and initramfs",
      files: [
        { artefact: "deploy-vmlinuz", path: "out/vmlinuz" },
        { artefact: "deploy-initrd.img", path: "out/initrd.img" },
        { artefact: environmentArtefact, path: "out/environment.tar.gz" },
      ],
    },
  ];
}

/** The deploy environment as a folder, for installers that call it from their own session. */
export const environmentArtefact = "deploy-environment.tar.gz";

export function initramfsStep({ deployEnvironment: { initramfs, files } }: RecipeFiles): BuildStep {
  const under = files.map((file) => ({ ...file, path: `deploy/${file.path}` }));
  return { kind: "run-in-root", name: "make the initramfs", script: initramfs, files: under };
}

export function folderStep({ deployEnvironment: { folder } }: RecipeFiles): BuildStep {
  return { kind: "run-in-root", name: "lay it out as a folder", script: folder, files: [] };
}

/** What images leave out of packages, dpkg's settings in order. */
export function pathExcludes(os: OperatingSystem): string[] {
  return [...documentationExcludes, ...os.firmwareExcludes.map((glob) => `path-exclude=${glob}`)];
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join("");
}
