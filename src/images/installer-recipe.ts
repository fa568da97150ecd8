/** The recipe of a system's own installer: its kernel and initrd, and the deploy environment laid beside it. Pure. */
import { digestOf, type Sha256 } from "../digest.ts";
import type { ImagePlan, NodePart } from "../plan/plan.ts";
import type { BuildStep } from "./build-step.ts";
import { type DebianSystem, findDebian, findOperatingSystem } from "./catalogue.ts";
import { installerPlanKey } from "./installer/installer-manifest.ts";
import { findInstaller } from "./installer/installers.ts";
import { installerBootNames, installerCommandLine } from "./manifests.ts";
import type { PackageLock, PackageRequest } from "./package-lock.ts";
import {
  deployEnvironmentRequest,
  emptyLock,
  folderStep,
  goldenPlanKey,
  initramfsStep,
  pathExcludes,
  type RecipeFiles,
  recipeIdentity,
} from "./recipe.ts";

export function installerRequest(os: DebianSystem): PackageRequest {
  const { packages, ...request } = deployEnvironmentRequest(os);
  return { ...request, packages: [...packages, os.installer.package] };
}

/** @returns which image a node of this system boots when it is installed: the same for all plans. */
export function debianInstallerPlanKey(os: DebianSystem, files: RecipeFiles): Sha256 {
  const steps = installerSteps(os, emptyLock(os.id), files);
  return digestOf({
    kind: "installer",
    ...recipeIdentity(os, files),
    request: installerRequest(os),
    commandLine: installerCommandLine,
    steps,
  });
}

/**
 * @returns which image the network boots a node of this plan into: a golden one, or its system's installer.
 * @throws ImagectlError OS_UNKNOWN.
 */
export function bootedPlanKey(
  { image, node }: { readonly image: ImagePlan; readonly node: Pick<NodePart, "method"> },
  files: RecipeFiles,
): Sha256 {
  if (node.method !== "installer") return goldenPlanKey(findOperatingSystem(image.os), image, files);
  const installer = findInstaller(image.os);
  if (installer !== undefined) return installerPlanKey({ installer, architecture: image.arch });
  return debianInstallerPlanKey(findDebian(image.os), files);
}

/** The graphical one is as large again. */
const graphicalInstaller = "path-exclude=/usr/lib/debian-installer/images/*/gtk/*";

export function installerSteps(os: DebianSystem, lock: PackageLock, files: RecipeFiles): BuildStep[] {
  const { folder } = os.installer;
  const { environment, files: brought } = files.installer;
  return [
    {
      kind: "bootstrap",
      name: `unpack ${lock.packages.length} packages`,
      variant: "unpacked",
      packages: lock.packages.map((locked) => locked.name),
      dpkgOptions: [...pathExcludes(os), graphicalInstaller],
      setup: "",
    },
    initramfsStep(files),
    folderStep(files),
    {
      kind: "run-in-root",
      name: "lay it beside the installer",
      script: environment,
      files: brought.map((file) => ({ ...file, path: `installer/${file.path}` })),
    },
    {
      kind: "keep-files",
      name: "take kernel and initrds",
      files: [
        { artefact: installerBootNames.kernel, path: `${folder}/linux` },
        { artefact: installerBootNames.initrd, path: `${folder}/initrd.gz` },
        { artefact: installerBootNames.environment, path: "out/installer.img" },
      ],
    },
  ];
}
