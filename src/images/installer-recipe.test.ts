/** The recipe of Debian's own installers, as data. */
import { describe, expect, test } from "vitest";
import type { ImagePlan } from "../plan/plan.ts";
import { findDebian } from "./catalogue.ts";
import {
  bootedPlanKey,
  debianInstallerPlanKey,
  installerRequest,
  installerSteps,
} from "./installer-recipe.ts";
import { debianInstallerManifest, installerBootNames, installerMinRamMiB } from "./manifests.ts";
import type { PackageLock } from "./package-lock.ts";
import { goldenPlanKey } from "./recipe.ts";
import { readRecipeFiles } from "./recipe-files.ts";

const os = findDebian("debian-13");
const files = await readRecipeFiles();
const lock: PackageLock = {
  schema: 1,
  os: os.id,
  request: "0".repeat(64),
  epoch: 1_700_000_000,
  packages: [],
};
const steps = installerSteps(os, lock, files);

test("it is the release's own, beside what the deploy environment is made of", () => {
  const { packages } = installerRequest(os);
  expect(packages).toContain("debian-installer-13-netboot-amd64");
  expect(packages).toContain("curl");
});

test("kernel and initrd are taken as the package has them", () => {
  const kept = steps.flatMap((step) => (step.kind === "keep-files" ? step.files : []));
  expect(kept).toEqual([
    {
      artefact: "installer-vmlinuz",
      path: "usr/lib/debian-installer/images/13/amd64/text/debian-installer/amd64/linux",
    },
    {
      artefact: "installer-initrd.img",
      path: "usr/lib/debian-installer/images/13/amd64/text/debian-installer/amd64/initrd.gz",
    },
    { artefact: "installer-imagectl.img", path: "out/installer.img" },
  ]);
});

test("what the installer calls at its turns is executable, whatever a checkout made of their modes", () => {
  const brought = steps.flatMap((step) => (step.kind === "run-in-root" ? step.files : []));
  const modes = new Map(brought.map(({ path, mode }) => [path, mode]));
  const turns = [
    "partman/finish.d/99imagectl",
    "base-installer.d/01imagectl",
    "finish-install.d/94z-imagectl",
  ];
  for (const path of [...turns.map((turn) => `usr/lib/${turn}`), "imagectl/disks"]) {
    expect(modes.get(`installer/${path}`), path).toBe(0o755);
  }
  expect(modes.get("deploy/imagectl/turn")).toBe(0o755);
});

describe("keys", () => {
  const plan: ImagePlan = {
    os: os.id,
    arch: "amd64",
    packages: [],
    files: [],
    commands: [],
    services: [],
    validators: [],
  };

  test("all plans of a system share its installer, and none its golden image", () => {
    const other = { ...plan, packages: ["curl"] };
    const keyOf = (image: ImagePlan, method: "golden" | "installer") =>
      bootedPlanKey({ image, node: { method } }, files);
    expect(keyOf(plan, "installer")).toBe(keyOf(other, "installer"));
    expect(keyOf(plan, "golden")).toBe(goldenPlanKey(os, plan, files));
    expect(keyOf(plan, "golden")).not.toBe(keyOf(other, "golden"));
  });

  test("a changed hook makes another installer", () => {
    const [first, ...rest] = files.installer.files;
    const changed = { ...first, content: "changed" } as typeof first & { content: string };
    const other = { ...files, installer: { ...files.installer, files: [changed, ...rest] as never } };
    expect(debianInstallerPlanKey(os, other)).not.toBe(debianInstallerPlanKey(os, files));
  });

  test("each system has its own", () => {
    const keys = ["debian-12", "debian-13"].map((id) => debianInstallerPlanKey(findDebian(id), files));
    expect(new Set(keys).size).toBe(2);
  });
});

test("a node boots both initrds, and is told where its answers are", () => {
  const manifest = debianInstallerManifest({
    os: os.id,
    planKey: "1".repeat(64),
    createdAt: new Date("2026-05-04T10:00:00Z"),
    lock,
    artefacts: Object.values(installerBootNames).map((name) => ({ name, bytes: 1, sha256: "2".repeat(64) })),
    rootBytes: 0,
  });
  expect(manifest.kind).toBe("installer");
  for (const entry of manifest.boot) {
    expect(entry.initrds).toEqual(["installer-initrd.img", "installer-imagectl.img"]);
    expect(entry.minRamMiB).toBe(installerMinRamMiB);
    expect(entry.commandLine).toContain("url=imagectl://bastion/preseed.cfg");
    expect(entry.commandLine).toContain("imagectl.seed={seedUrl}");
  }
});
