/** What the installed system needs for the disks that the cluster file wants. */
import type { Group, Node } from "../cluster/config.ts";
import type { Finding } from "../errors.ts";
import type { Where } from "./select.ts";

export type DiskSubject = {
  readonly node: Pick<Node, "name" | "disk">;
  readonly group: Group;
  /** Those of the roles. */
  readonly packages: readonly string[];
  readonly where: Where;
};

/** Without mdadm in its initramfs, a system whose root is a mirror does not start. */
export function findMissingForDisks({ node, group, packages, where }: DiskSubject): Finding[] {
  const policy = node.disk ?? group.disk;
  if (policy.mirror === undefined || packages.includes("mdadm")) return [];
  const owner = node.disk === undefined ? `groups.${group.name}` : `nodes.${node.name}`;
  return [
    {
      code: "DISK_ROLE_MISSING",
      where: where(`${owner}.disk.mirror`),
      message: `the disk has a mirror, but no role of the group ${group.name} installs mdadm`,
      hint: `List a role that installs it under groups.${group.name}.roles, such as our mirror, or take disk.mirror out.`,
      severity: "error",
    },
  ];
}
