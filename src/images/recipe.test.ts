/** Recipes as data: what is built of what, and which changes make another image. */
import { describe, expect, test } from "vitest";
import { buildFilePlace, type ImagePlan } from "../plan/plan.ts";
import type { BuildStep } from "./build-step.ts";
import { environmentFor, findDebian, findOperatingSystem, operatingSystems } from "./catalogue.ts";
import { assertDrivers, missingDrivers, requiredDrivers } from "./drivers.ts";
import type { PackageLock } from "./package-lock.ts";
import {
  deployEnvironmentPlanKey,
  deployEnvironmentRequest,
  deployEnvironmentSteps,
  goldenPlanKey,
  goldenRequest,
  goldenSteps,
  imageKey,
  type RecipeFiles,
} from "./recipe.ts";
import { readRecipeFiles } from "./recipe-files.ts";

const os = findDebian("debian-12");
const files: RecipeFiles = await readRecipeFiles();

const plan: ImagePlan = {
  os: "debian-12",
  arch: "amd64",
  packages: ["openssh-server"],
  files: [],
  commands: [],
  services: [],
  validators: [],
};

const lock: PackageLock = {
  schema: 1,
  os: "debian-12",
  request: "0".repeat(64),
  epoch: 1_700_000_000,
  packages: ["bash", "linux-image-amd64"].map((name) => ({
    name,
    version: "1",
    architecture: "amd64",
    sha256: "0".repeat(64),
    bytes: 1,
  })),
};

const overlay = new Uint8Array([1, 2, 3]);
const golden = goldenSteps(os, { plan, overlay, lock }, files);
const deploy = deployEnvironmentSteps(os, lock, files);
const artefactsOf = (steps: readonly BuildStep[]) =>
  steps.flatMap((step) =>
    step.kind === "pack-root"
      ? [step.artefact]
      : step.kind === "keep-files"
        ? step.files.map(({ artefact }) => artefact)
        : [],
  );

describe("the catalogue", () => {
  test("an unknown OS is refused with those that there are", () => {
    expect(() => findOperatingSystem("beos-5")).toThrow(
      expect.objectContaining({ code: "OS_UNKNOWN", hint: expect.stringContaining("debian-12") }),
    );
  });

  test.each(operatingSystems.map((entry) => [entry.id, entry] as const))(
    "%s has the server kernel, both bootloaders, and no package twice",
    (_id, entry) => {
      expect(entry.kernelPackage).not.toContain("cloud");
      expect(entry.basePackages).toEqual(
        expect.arrayContaining(["grub-pc-bin", "shim-signed", "efibootmgr"]),
      );
      expect(entry.basePackages).toEqual([...new Set(entry.basePackages)].sort());
      const { deployPackages } = environmentFor(entry);
      expect(deployPackages).toEqual([...new Set(deployPackages)].sort());
    },
  );
});

describe("a golden image", () => {
  test("is made of the base, the kernel, the firmware and the roles' packages", () => {
    expect(goldenRequest(os, plan).packages).toEqual(
      expect.arrayContaining(["?essential", "grub-pc-bin", "linux-image-amd64", "openssh-server"]),
    );
  });

  test("installs exactly the lock's packages, all of them before the image layer", () => {
    const [first] = golden;
    expect(first).toMatchObject({
      kind: "bootstrap",
      variant: "configured",
      packages: ["bash", "linux-image-amd64"],
    });
    expect(golden.findIndex((step) => step.kind === "bootstrap")).toBe(0);
    expect(golden.filter((step) => step.kind === "bootstrap")).toHaveLength(1);
  });

  test("carries the plan's overlay into the root as it is", () => {
    const carried = golden.flatMap((step) => (step.kind === "run-in-root" ? step.files : []));
    expect(carried.find(({ path }) => path === "overlay.tar")?.content).toBe(overlay);
  });

  test("makes its initramfs after the image layer, which may configure it, and is cleaned last", () => {
    const names = golden.map((step) => step.name);
    const order = ["apply the image layer", "make the initramfs", "clean up", "pack the root file system"];
    expect(names.filter((name) => order.includes(name))).toEqual(order);
  });

  test("gives a root, a kernel and an initramfs", () => {
    expect(artefactsOf(golden)).toEqual(["root.tar.zst", "vmlinuz", "initrd.img"]);
  });

  test("leaves out of packages that come later what it left out of its own", () => {
    const bootstrap = golden.find((step) => step.kind === "bootstrap");
    const brought = golden.flatMap((step) => (step.kind === "run-in-root" ? step.files : []));
    const kept = brought.find(({ path }) => path === "dpkg-excludes")?.content.toString() ?? "";
    expect(kept.trim().split("\n")).toEqual(bootstrap?.dpkgOptions);
    expect(kept).toContain("path-exclude=/lib/firmware/mediatek/*\n");
  });

  test("has apt set to the catalogue's archives, not to the mirror of the machine that builds", () => {
    const carried = golden.flatMap((step) => (step.kind === "run-in-root" ? step.files : []));
    expect(carried.find(({ path }) => path === "apt-sources.list")?.content).toContain(os.archives[0]?.uri);
  });
});

describe("the deploy environment", () => {
  test("has no package of any role", () => {
    expect(deployEnvironmentRequest(os).packages).not.toContain("ufw");
  });

  test("is assembled from packages that are only unpacked, and carries templates/deploy whole", () => {
    expect(deploy[0]).toMatchObject({ kind: "bootstrap", variant: "unpacked" });
    const carried = deploy.flatMap((step) => (step.kind === "run-in-root" ? step.files : []));
    expect(carried.map(({ path }) => path)).toEqual(
      expect.arrayContaining(["deploy/initramfs.conf", "deploy/hooks/imagectl", "deploy/scripts/imagectl"]),
    );
  });

  test("initramfs-tools' hooks are executable, whatever a checkout made of their modes", () => {
    const modes = files.deployEnvironment.files.filter(({ path }) => path.startsWith("hooks/"));
    expect(modes.map(({ mode }) => mode)).toEqual(modes.map(() => 0o755));
  });

  test("gives a kernel and an initramfs under names that a golden image can carry beside its own", () => {
    expect(artefactsOf(deploy)).toEqual(["deploy-vmlinuz", "deploy-initrd.img", "deploy-environment.tar.gz"]);
    expect(artefactsOf(golden)).not.toEqual(expect.arrayContaining(artefactsOf(deploy)));
  });
});

describe("what only the build needs", () => {
  const building: ImagePlan = { ...plan, components: ["non-free"], buildPackages: ["gcc", "openssh-server"] };
  const steps = goldenSteps(os, { plan: building, overlay, lock }, files);
  const removal = steps.find(({ name }) => name === "remove what only the build needed");
  const names = steps.map(({ name }) => name);

  test("is asked for with the rest, and of the components that the plan names", () => {
    expect(goldenRequest(os, building).packages).toEqual(expect.arrayContaining(["gcc", "grub-pc-bin"]));
    expect(goldenRequest(os, building).components).toEqual(["non-free"]);
    expect(goldenRequest(os, plan)).not.toHaveProperty("components");
    const archives = [{ name: "a", uri: "https://a.example", suite: "./", components: [], key: "k" }];
    expect(goldenRequest(os, { ...building, archives }).archives).toEqual(archives);
    expect(goldenRequest(os, building)).not.toHaveProperty("archives");
  });

  test("goes between the image layer, which uses it, and the initramfs", () => {
    const order = ["apply the image layer", "remove what only the build needed", "make the initramfs"];
    expect(names.filter((name) => order.includes(name))).toEqual(order);
    expect(golden.map(({ name }) => name)).not.toContain("remove what only the build needed");
  });

  test("is named beside what stays", () => {
    const carried = removal?.kind === "run-in-root" ? removal.files : [];
    const text = (path: string) => carried.find((file) => file.path === path)?.content;
    expect(text("build-packages")).toBe("gcc\nopenssh-server\n");
    expect(text("packages-that-stay")).toMatch(/^linux-image-amd64$/m);
    expect(text("packages-that-stay")).not.toMatch(/^gcc$/m);
  });

  test("the image's own apt knows the components, for its updates", () => {
    const carried = steps.flatMap((step) => (step.kind === "run-in-root" ? step.files : []));
    const sources = String(carried.find(({ path }) => path === "apt-sources.list")?.content);
    expect(sources).toMatch(/ bookworm-security main non-free-firmware non-free$/m);
  });
});

test("files of the operator are brought along for the image layer alone, where its commands look for them", () => {
  const tool = { path: "a.sh", sha256: "1".repeat(64) };
  const steps = goldenSteps(os, { plan: { ...plan, buildFiles: [tool] }, overlay, lock }, files);
  const brought = steps.flatMap((step) =>
    step.kind === "run-in-root" ? [[step.name, step.broughtFiles]] : [],
  );
  expect(brought.filter(([, each]) => each !== undefined)).toEqual([
    ["apply the image layer", [{ path: `files/${tool.sha256}`, from: tool }]],
  ]);
  expect(buildFilePlace(tool)).toBe(`/run/imagectl/files/${tool.sha256}`);
  const other = { ...tool, sha256: "2".repeat(64) };
  expect(goldenPlanKey(os, { ...plan, buildFiles: [tool] }, files)).not.toBe(
    goldenPlanKey(os, { ...plan, buildFiles: [other] }, files),
  );
});

test("both initramfs are checked for the same drivers", () => {
  const checks = [...golden, ...deploy].filter((step) => step.kind === "check-drivers");
  expect(checks.map(({ drivers }) => drivers)).toEqual([requiredDrivers, requiredDrivers]);
});

describe("keys", () => {
  const changedScript = { ...files, golden: { ...files.golden, clean: `${files.golden.clean}\n:` } };
  const changedAgent = {
    ...files,
    deployEnvironment: {
      ...files.deployEnvironment,
      files: files.deployEnvironment.files.map((file) => ({ ...file, content: `${file.content}#` })),
    },
  };
  const key = goldenPlanKey(os, plan, files);

  test("the same plan and recipe have the same key, in whatever order the plan's members stand", () => {
    const shuffled = Object.fromEntries(Object.entries(plan).reverse()) as ImagePlan;
    expect(goldenPlanKey(os, shuffled, files)).toBe(key);
  });

  test.each([
    ["another package", goldenPlanKey(os, { ...plan, packages: [] }, files)],
    ["a changed recipe script", goldenPlanKey(os, plan, changedScript)],
    [
      "another base package",
      goldenPlanKey({ ...os, basePackages: [...os.basePackages, "vim"] }, plan, files),
    ],
    ["a raised recipe version", goldenPlanKey({ ...os, recipeVersion: os.recipeVersion + 1 }, plan, files)],
  ])("%s makes another image", (_name, other) => {
    expect(other).not.toBe(key);
  });

  test("a changed agent makes another deploy environment, and no other golden image", () => {
    expect(deployEnvironmentPlanKey(os, changedAgent)).not.toBe(deployEnvironmentPlanKey(os, files));
    expect(goldenPlanKey(os, plan, changedAgent)).toBe(key);
  });

  test("other package versions are another image for the same plan", () => {
    const newer = { ...lock, packages: lock.packages.map((locked) => ({ ...locked, version: "2" })) };
    expect(imageKey(key, newer)).not.toBe(imageKey(key, lock));
  });
});

describe("drivers of an initramfs", () => {
  const listing = "usr/lib/modules/6.1/kernel/drivers/nvme/host/nvme.ko\nlib/virtio-net.ko.xz\nnvme.ko.txt\n";

  test("are found as files, compressed ones too, and as built into the kernel", () => {
    expect(missingDrivers(["nvme", "virtio_net", "ext4"], listing, "kernel/fs/ext4/ext4.ko\n")).toEqual([]);
  });

  test("those that are missing are named", () => {
    expect(missingDrivers(["nvme", "ice", "vmd"], listing, "")).toEqual(["ice", "vmd"]);
    expect(() => assertDrivers("boot/initrd.img", ["nvme", "ice"], listing, "")).toThrow(
      "boot/initrd.img lacks ice",
    );
  });

  test("a name that only begins alike is another driver", () => {
    expect(missingDrivers(["nvm"], listing, "")).toEqual(["nvm"]);
  });
});
