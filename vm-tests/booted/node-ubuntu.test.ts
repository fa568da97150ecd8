/** Whole nodes of Ubuntu's own packages. */
import { ubuntuSystems } from "../support/lab-cluster.ts";
import { describeUbuntu } from "../support/ubuntu-archive.ts";
import { describeWholeNode } from "../support/whole-node.ts";

await describeUbuntu("Ubuntu", () => {
  for (const os of ubuntuSystems) describeWholeNode(os);
});
