/** The shape of `disk:` in the cluster file: which disks hold the system, and which hold data. */
import { z } from "zod";
import { problem } from "../yaml-shape.ts";
import { described } from "./described.ts";
import { parseSize } from "./size.ts";

const Glob = z
  .string()
  .min(1)
  .regex(/^[\x20-\x7e]+$/, "expected printable ASCII, with * and ? as wildcards");

export const Size = z
  .union([z.number(), z.string()], { error: "expected bytes or a size such as 900GB" })
  .transform((size, context) => {
    const bytes = parseSize(size);
    if (bytes !== undefined) return bytes;
    context.addIssue({ code: "custom", message: "expected bytes or a size such as 900GB, 1TB or 512GiB" });
    return z.NEVER;
  });

const DiskMatch = z
  .strictObject({
    serial: described(Glob.optional(), "the serial number as lsblk shows it; * and ? are wildcards"),
    model: described(Glob.optional(), "the model as lsblk shows it; * and ? are wildcards"),
    idPath: described(Glob.optional(), "a name under /dev/disk/by-path; * and ? are wildcards"),
    wwn: described(Glob.optional(), "the World Wide Name as lsblk shows it; * and ? are wildcards"),
    minSize: described(Size.optional(), "the least size, such as 900GB, or bytes"),
    maxSize: described(Size.optional(), "the greatest size, such as 1TB, or bytes"),
  })
  .superRefine(({ minSize, maxSize }, context) => {
    if (minSize === undefined || maxSize === undefined || minSize <= maxSize) return;
    context.addIssue({ code: "custom", message: "the least size is above the greatest", path: ["minSize"] });
  });

/** What the image, the node layer or the kernel fill; a disk mounted over it would hide that. */
const systemFolders =
  /^\/(bin|boot|dev|etc|home|lib|lib32|lib64|libx32|proc|root|run|sbin|sys|tmp|usr|var)(\/|$)/;

const MountPoint = z
  .string()
  .regex(/^(\/[A-Za-z0-9][A-Za-z0-9._-]*)+$/, "expected an absolute path such as /srv/scratch")
  .refine((path) => !systemFolders.test(path), "this folder is the system's; take one such as /srv/scratch");

const DataDisk = z
  .strictObject({
    match: described(
      DiskMatch.refine((match) => Object.keys(match).length > 0, "a data disk is named by at least one line"),
      "which disk it is; every line must fit, and exactly one disk",
    ),
    mount: described(MountPoint, "where it is mounted, such as /srv/scratch"),
    policy: described(
      z.enum(["keep", "wipe", "scratch"]).default("keep"),
      "keep: never written by a deploy; wipe: made anew at each deploy; scratch: made when it holds no file system of ours",
    ),
    filesystem: described(
      z.enum(["ext4", "xfs"]).optional(),
      "what wipe and scratch make: ext4 (default) or xfs; keep takes what is there",
    ),
  })
  .superRefine(({ policy, filesystem }, context) => {
    if (policy !== "keep" || filesystem === undefined) return;
    const hint = "Take filesystem: out, or write policy: scratch or policy: wipe.";
    context.addIssue(problem("a disk that is kept gets no file system", { path: ["filesystem"], hint }));
  });

export const DiskPolicy = z.strictObject({
  match: described(
    DiskMatch,
    "which disk holds the system and may be overwritten; every line must fit, and exactly one disk. {} means the only disk there is",
  ),
  mirror: described(
    z
      .strictObject({
        match: described(DiskMatch, "which disk; may fit the same two disks as the match above"),
      })
      .optional(),
    "a second disk for the same system (RAID 1); the node starts from either",
  ),
  data: described(
    z.array(DataDisk).superRefine(complainAboutMountTwice).optional(),
    "disks that hold data; they are never taken for the system",
  ),
});
export type DiskPolicy = z.output<typeof DiskPolicy>;

function complainAboutMountTwice(disks: readonly { mount: string }[], context: z.RefinementCtx): void {
  for (const [index, { mount }] of disks.entries()) {
    if (disks.findIndex((other) => other.mount === mount) === index) continue;
    const hint = "Give each data disk a folder of its own.";
    const path = [index, "mount"];
    context.addIssue(problem(`two data disks are mounted at ${mount}`, { code: "DUPLICATE", path, hint }));
  }
}
