/** The manifest of an image: the only contract between who builds and who serves. */
import { z } from "zod";
import { sha256Pattern } from "../digest.ts";

export const firmwares = ["bios-x86", "uefi-x64"] as const;
export type Firmware = (typeof firmwares)[number];

const Digest = z.string().regex(sha256Pattern, "expected a SHA-256 in lower-case hex");

export const Artefact = z.strictObject({
  /** `root.tar.zst`, `vmlinuz`, `initrd.img`, `packages.lock`. */
  name: z.string().regex(/^[a-z0-9][a-z0-9._-]*$/),
  bytes: z.int().nonnegative(),
  sha256: Digest,
});
export type Artefact = z.output<typeof Artefact>;

/** How a node network-boots into this image's installer or deploy environment. */
export const BootEntry = z.strictObject({
  firmware: z.enum(firmwares),
  /** Names of artefacts of this manifest. */
  kernel: z.string(),
  initrds: z.array(z.string()),
  /** Kernel command line, one token each; `{seedUrl}`, `{address}`, `{mac}` … are replaced by the server. `{filesUrl}`, where artefacts have their names, it does not know yet. */
  commandLine: z.array(z.string()),
  minRamMiB: z.int().positive(),
});
export type BootEntry = z.output<typeof BootEntry>;

export const Manifest = z.strictObject({
  schema: z.literal(1),
  kind: z.enum(["golden", "deploy-environment", "installer"]),
  os: z.string(),
  arch: z.literal("amd64"),
  /** Digest of the ImagePlan and the recipe: which plan this image is for. */
  planKey: Digest,
  /** Digest of planKey and the package lock: what exactly is in it. */
  key: Digest,
  /** ISO 8601, UTC. */
  createdAt: z.iso.datetime(),
  artefacts: z.array(Artefact),
  boot: z.array(BootEntry),
  /** Size of the unpacked root filesystem, bytes; 0 where there is none. */
  rootBytes: z.int().nonnegative(),
});
export type Manifest = z.output<typeof Manifest>;

/** Whether nodes that boot it come into our own environment, and not into a vendor's installer. */
export function hasDeployEnvironment({ manifest }: Image): boolean {
  return manifest.kind !== "installer";
}

/** A published image: its id is the SHA-256 of its manifest file. */
export type Image = { readonly id: string; readonly manifest: Manifest };
