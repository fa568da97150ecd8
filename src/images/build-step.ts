/** The steps of a build, as data: a recipe makes them, a runner runs them. */

import type { BuildFile } from "../roles/role.ts";

/** A file that a step brings along. */
export type StepFile = {
  /** Relative path. */
  readonly path: string;
  readonly mode: number;
  readonly content: string | Uint8Array;
};

/** One of the operator's, which is read where the step runs. */
export type BroughtFile = { readonly path: string; readonly from: BuildFile };

/**
 * Makes the root from packages. `configured`: installed as apt installs them. `unpacked`: only their files, without
 * running any of their scripts, which is enough to assemble an initramfs from and six times as fast.
 */
export type BootstrapStep = {
  readonly kind: "bootstrap";
  readonly name: string;
  readonly variant: "configured" | "unpacked";
  /** Names; exactly these come in. */
  readonly packages: readonly string[];
  /** dpkg's `path-exclude=` and `path-include=` settings, in order. */
  readonly dpkgOptions: readonly string[];
  /** POSIX sh, run on the empty root, which is `$1`. */
  readonly setup: string;
};

/** POSIX sh inside the root, without a network; `files` and `broughtFiles` lie in /run/imagectl. */
export type RunInRootStep = {
  readonly kind: "run-in-root";
  readonly name: string;
  readonly script: string;
  readonly files: readonly StepFile[];
  readonly broughtFiles?: readonly BroughtFile[];
};

export type BuildStep =
  | BootstrapStep
  | RunInRootStep
  /** Fails when an initramfs in the root lacks a driver. */
  | {
      readonly kind: "check-drivers";
      readonly name: string;
      /** Path in the root; one `*` may stand for a version. */
      readonly initrd: string;
      readonly drivers: readonly string[];
    }
  /** The whole root as a deterministic, compressed tar. */
  | { readonly kind: "pack-root"; readonly name: string; readonly artefact: string }
  /** Takes files out of the root as artefacts. */
  | {
      readonly kind: "keep-files";
      readonly name: string;
      readonly files: readonly {
        readonly artefact: string;
        /** Path in the root; one `*` may stand for a version. */
        readonly path: string;
      }[];
    };
