/** The order of the test files: what takes longest starts first, and what is short fills the time beside it. */
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Three minutes and more on two cores. Without this list vitest goes by the length of the files' text. */
const longest = [
  ...[
    "monitoring-told",
    "monitoring-others",
    "booted/node-ubuntu",
    "logs",
    "booted/node",
    "booted/nfs-homes",
    "booted/egress",
    "time-server",
  ],
  ...["reinstall-uefi", "vm/nfs-homes", "vm/nvidia"],
];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const index = longest.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`));
      return index < 0 ? longest.length : index;
    };
    return (await super.sort(files)).toSorted((one, other) => rank(one) - rank(other));
  }
}
