/** Manifests of what was built: what a server reads from them. */
import { describe, expect, test } from "vitest";
import { Manifest } from "../store/manifest.ts";
import { bootsBy, deployEnvironmentManifest, goldenManifest, withBoot } from "./manifests.ts";
import { emptyLock, imageKey } from "./recipe.ts";

const digest = (letter: string) => letter.repeat(64);
const built = {
  os: "debian-12",
  planKey: digest("a"),
  createdAt: new Date("2026-01-02T03:04:05Z"),
  lock: emptyLock("debian-12"),
  rootBytes: 700,
};
const environmentOf = (letter: string) => ({
  id: digest("e"),
  manifest: deployEnvironmentManifest({
    ...built,
    rootBytes: 0,
    artefacts: [
      { name: "deploy-vmlinuz", bytes: 1, sha256: digest(letter) },
      { name: "deploy-initrd.img", bytes: 2, sha256: digest(letter) },
      { name: "packages.lock", bytes: 3, sha256: digest("c") },
    ],
  }),
});
const environment = environmentOf("b");
const golden = goldenManifest(
  { ...built, artefacts: [{ name: "root.tar.zst", bytes: 4, sha256: digest("d") }] },
  environment,
);

test("both are manifests of the schema", () => {
  expect(Manifest.parse(environment.manifest)).toEqual(environment.manifest);
  expect(Manifest.parse(golden)).toEqual(golden);
});

test("every artefact that a boot entry names is in the manifest", () => {
  const names = golden.artefacts.map(({ name }) => name);
  for (const entry of golden.boot)
    expect(names).toEqual(expect.arrayContaining([entry.kernel, ...entry.initrds]));
  expect(golden.boot.map(({ firmware }) => firmware)).toEqual(["bios-x86", "uefi-x64"]);
});

test("a golden image boots the deploy environment's own blobs, and keeps its own lock", () => {
  expect(golden.artefacts).toEqual([
    { name: "root.tar.zst", bytes: 4, sha256: digest("d") },
    { name: "deploy-vmlinuz", bytes: 1, sha256: digest("b") },
    { name: "deploy-initrd.img", bytes: 2, sha256: digest("b") },
  ]);
});

test("the key covers plan and lock", () => {
  expect(golden.key).toBe(imageKey(digest("a"), built.lock));
});

describe("when the deploy environment changes", () => {
  const newer = environmentOf("f");

  test("it is seen", () => {
    expect(bootsBy(golden, environment)).toBe(true);
    expect(bootsBy(golden, newer)).toBe(false);
  });

  test("only the boot artefacts are exchanged", () => {
    const refreshed = withBoot(golden, newer);
    expect(bootsBy(refreshed, newer)).toBe(true);
    expect(refreshed.artefacts).toHaveLength(golden.artefacts.length);
    expect(refreshed.artefacts[0]).toEqual(golden.artefacts[0]);
    expect(refreshed.key).toBe(golden.key);
  });
});
