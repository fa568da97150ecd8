/** What the tests of home folders have in common: one machine that is server and node, so that one image does for all. */
import { standardRoles } from "./lab-cluster.ts";

export const nfsRoles: readonly string[] = [...standardRoles, "node-exporter", "nfs-server", "nfs-home"];

/** In the cluster file, and no machines. */
export const otherNodes = [
  { name: "node2", mac: "52:54:00:77:00:12", address: "10.77.0.12" },
  { name: "node3", mac: "52:54:00:77:00:13", address: "10.77.0.13" },
] as const;
