/** Whole nodes of Ubuntu's own packages. */
import { describeUbuntus } from "../support/ubuntu-archive.ts";
import { describeWholeNode } from "../support/whole-node.ts";

await describeUbuntus(describeWholeNode);
