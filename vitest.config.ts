/** The levels of tests as projects, one after the other. */
import { defineConfig } from "vitest/config";
import { CountReporter } from "./vm-tests/support/count-reporter.ts";
import { LongestFirst } from "./vm-tests/support/longest-first.ts";

type Level = {
  readonly name: string;
  readonly groupOrder: number;
  readonly include: string;
  /** Files that run side by side: what they start mostly waits for each other. */
  readonly files: number;
  /** For one test or hook. */
  readonly minutes: number;
};

function level({ name, groupOrder, include, files, minutes }: Level) {
  return {
    test: {
      name,
      include: [include],
      maxWorkers: files,
      sequence: { groupOrder },
      testTimeout: minutes * 60_000,
      // The second of the default is too short for a program on a busy machine.
      expect: { poll: { timeout: 20_000 } },
      hookTimeout: minutes * 60_000,
    },
  };
}

export default defineConfig({
  test: {
    reporters: ["default", new CountReporter()],
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: "pure",
          include: ["src/**/*.test.ts", "templates/**/*.test.ts", "vm-tests/*.test.ts"],
          testTimeout: 20_000,
          // Busy machines: the hooks of a suite make keys and images, and start programs.
          hookTimeout: 60_000,
          sequence: { groupOrder: 0 },
        },
      },
      level({ name: "peers", groupOrder: 1, include: "vm-tests/peers/**/*.test.ts", files: 2, minutes: 3 }),
      level({
        name: "booted",
        groupOrder: 2,
        include: "vm-tests/booted/**/*.test.ts",
        files: 3,
        minutes: 15,
      }),
      // Level 4 in full is `vm` and `cluster`, whose three machines leave no time for others beside them. One BIOS and one
      // UEFI machine are part of every `npm test`.
      level({ name: "smoke", groupOrder: 3, include: "vm-tests/vm/boot-*.test.ts", files: 2, minutes: 25 }),
      level({ name: "vm", groupOrder: 4, include: "vm-tests/vm/**/*.test.ts", files: 2, minutes: 25 }),
      level({
        name: "installer",
        groupOrder: 6,
        include: "vm-tests/installer/**/*.test.ts",
        files: 1,
        minutes: 120,
      }),
      level({
        name: "cluster",
        groupOrder: 5,
        include: "vm-tests/cluster/**/*.test.ts",
        files: 1,
        minutes: 25,
      }),
    ],
  },
});
