/** The levels of tests as projects, one after the other. */
import { defineConfig } from "vitest/config";
import { CountReporter } from "./vm-tests/support/count-reporter.ts";
import { LongestFirst } from "./vm-tests/support/longest-first.ts";

type Level = {
  readonly name: string;
  readonly groupOrder: number;
  readonly include: string;
  /** For one test or hook. */
  readonly minutes: number;
};

/** Two files run side by side: real programs, booted systems and emulated machines mostly wait for each other. */
function level({ name, groupOrder, include, minutes }: Level) {
  return {
    test: {
      name,
      include: [include],
      maxWorkers: 2,
      sequence: { groupOrder },
      testTimeout: minutes * 60_000,
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
          include: ["src/**/*.test.ts", "templates/**/*.test.ts"],
          testTimeout: 20_000,
          // Busy machines: the hooks of a suite make keys and images, and start programs.
          hookTimeout: 60_000,
          sequence: { groupOrder: 0 },
        },
      },
      level({ name: "peers", groupOrder: 1, include: "vm-tests/peers/**/*.test.ts", minutes: 3 }),
      level({ name: "booted", groupOrder: 2, include: "vm-tests/booted/**/*.test.ts", minutes: 15 }),
      // Level 4 in full is `vm` and `cluster`. One BIOS and one UEFI machine are part of every `npm test`. Three machines
      // leave no time for others beside them.
      level({ name: "smoke", groupOrder: 3, include: "vm-tests/vm/boot-*.test.ts", minutes: 25 }),
      level({ name: "vm", groupOrder: 4, include: "vm-tests/vm/**/*.test.ts", minutes: 25 }),
      level({ name: "cluster", groupOrder: 5, include: "vm-tests/cluster/**/*.test.ts", minutes: 25 }),
    ],
  },
});
