/** An image in a store without a build: a few bytes under the names that the server looks for. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { digestOf } from "../../src/digest.ts";
import { findOperatingSystem } from "../../src/images/catalogue.ts";
import { goldenPlanKey } from "../../src/images/recipe.ts";
import { readRecipeFiles } from "../../src/images/recipe-files.ts";
import { keyPaths } from "../../src/keys.ts";
import { statePaths } from "../../src/paths.ts";
import type { NodePlan } from "../../src/plan/plan.ts";
import { type Artefact, firmwares, type Image } from "../../src/store/manifest.ts";
import { openStore } from "../../src/store/store.ts";

const commandLine = [
  "imagectl.seed={seedUrl}",
  "imagectl.artefacts={artefactsUrl}",
  "imagectl.address={address}/{prefixLength}",
  "imagectl.mac={mac}",
  "{kernelArguments}",
];

/** Publishes an image for the plan into IMAGECTL_STATE, signed with the cluster's key. */
export async function publishSmallImage(state: string, plan: NodePlan): Promise<Image> {
  const paths = statePaths({ IMAGECTL_STATE: state });
  const store = openStore(paths.store);
  const folder = join(state, "made");
  mkdirSync(folder, { recursive: true });
  const add = (name: string): Promise<Artefact> => {
    const path = join(folder, name);
    writeFileSync(path, `the bytes of ${name}\n`);
    return store.addBlob({ name, path });
  };
  const artefacts = [await add("root.tar.zst"), await add("vmlinuz"), await add("initrd.img")];
  const os = findOperatingSystem(plan.image.os);
  const planKey = goldenPlanKey(os, plan.image, await readRecipeFiles());
  const boot = firmwares.map((firmware) => ({
    firmware,
    kernel: "vmlinuz",
    initrds: ["initrd.img"],
    commandLine,
    minRamMiB: 512,
  }));
  const signingKey = readFileSync(keyPaths(paths.keys).manifest.privateKey, "utf8");
  return store.publish(
    {
      schema: 1,
      kind: "golden",
      os: plan.image.os,
      arch: "amd64",
      planKey,
      key: digestOf({ planKey, artefacts }),
      createdAt: new Date().toISOString(),
      artefacts,
      boot,
      rootBytes: 1_000_000,
    },
    signingKey,
  );
}
