/** Whole nodes of Debian. */
import { labSystems } from "../support/lab-cluster.ts";
import { describeWholeNode } from "../support/whole-node.ts";

for (const os of labSystems) describeWholeNode(os);
