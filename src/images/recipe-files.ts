/** The door to templates/recipes, templates/deploy and templates/installers: what recipes run and bring along. */
import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { packageRoot } from "../paths.ts";
import type { StepFile } from "./build-step.ts";
import type { RecipeFiles } from "./recipe.ts";

const recipes = join(packageRoot, "templates/recipes");

/** Scripts that run outside of a root, by path: sh reads them from the package. */
export const hostScripts = {
  enterRoot: join(recipes, "enter-root.sh"),
  packRoot: join(recipes, "pack-root.sh"),
} as const;

export async function readRecipeFiles(): Promise<RecipeFiles> {
  const read = (path: string) => readFile(join(recipes, path), "utf8");
  return {
    golden: {
      setup: await read("golden/setup.sh"),
      configure: await read("golden/configure.sh"),
      initramfsHook: await read("golden/initramfs-hook"),
      updateLoaders: await read("golden/update-loaders"),
      apply: await read("golden/apply.sh"),
      removeBuildPackages: await read("golden/remove-build-packages.sh"),
      initramfs: await read("golden/initramfs.sh"),
      clean: await read("golden/clean.sh"),
    },
    deployEnvironment: {
      initramfs: await read("deploy-environment/initramfs.sh"),
      folder: await read("deploy-environment/folder.sh"),
      packFolder: await read("deploy-environment/pack-folder.sh"),
      files: await readFolder(join(packageRoot, "templates/deploy")),
    },
    installer: {
      environment: await read("installer/environment.sh"),
      files: await readFolder(join(packageRoot, "templates/installers/debian")),
    },
    packRoot: await readFile(hostScripts.packRoot, "utf8"),
    enterRoot: await readFile(hostScripts.enterRoot, "utf8"),
  };
}

/** @returns its files by path. What has an interpreter is executable: a checkout's modes decide nothing. */
async function readFolder(folder: string): Promise<StepFile[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(
    paths.sort().map(async (path) => {
      const content = await readFile(path, "utf8");
      return { path: relative(folder, path), mode: content.startsWith("#!") ? 0o755 : 0o644, content };
    }),
  );
}
