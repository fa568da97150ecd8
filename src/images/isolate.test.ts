/** Command lines of a build: what a program sees of the machine that builds, and what dies with it. */
import { expect, test } from "vitest";
import type { BootstrapStep } from "./build-step.ts";
import { bootstrapCommand, buildEnvironment, isolate } from "./isolate.ts";

const step: BootstrapStep = {
  kind: "bootstrap",
  name: "install",
  variant: "configured",
  packages: ["bash", "libstdc++6"],
  dpkgOptions: ["path-exclude=/usr/share/man/*", "path-include=/usr/share/doc/*/copyright"],
  setup: "",
};
const paths = { root: "/c/root", repository: "/c/repository", setup: "/c/setup.sh" };

test("a program ends with us, in namespaces that end with it", () => {
  const words = isolate(["true"], {});
  expect(words.slice(0, 4)).toEqual(["setpriv", "--pdeathsig", "KILL", "unshare"]);
  for (const namespace of ["--mount", "--pid", "--ipc", "--net", "--uts"]) expect(words).toContain(namespace);
  expect(words).toContain("--kill-child=KILL");
  expect(words.at(-1)).toBe("true");
});

test("its environment is given whole: nothing of ours is inherited", () => {
  const words = isolate(["true"], buildEnvironment(1_700_000_000));
  expect(words).toContain("--ignore-environment");
  expect(words).toContain("SOURCE_DATE_EPOCH=1700000000");
  expect(words.filter((word) => /proxy/i.test(word))).toEqual([]);
});

test("mmdebstrap gets the lock's names and only our repository", () => {
  const words = bootstrapCommand(step, paths);
  expect(words).toContain("--include=bash,libstdc++6");
  expect(words.filter((word) => word.startsWith("deb "))).toEqual([
    "deb [trusted=yes] copy:/c/repository ./",
  ]);
});

test("dpkg's excludes and includes stay in order: the last one that matches decides", () => {
  const options = bootstrapCommand(step, paths).filter((word) => word.includes("path-"));
  expect(options).toEqual(step.dpkgOptions.map((option) => `--dpkgopt=${option}`));
});

test.each([
  ["configured", "--variant=apt"],
  ["unpacked", "--variant=extract"],
] as const)("%s is mmdebstrap's %s", (variant, word) => {
  expect(bootstrapCommand({ ...step, variant }, paths)).toContain(word);
});
