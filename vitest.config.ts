/** The four levels of tests as projects; one after the other, and from level 2 on one file at a time. */
import { defineConfig } from "vitest/config";
import { CountReporter } from "./vm-tests/support/count-reporter.ts";

/** Real programs, booted systems and machines share two cores: side by side they would only time out. */
function oneAtATime(name: string, groupOrder: number, include: readonly string[], minutes: number) {
  return {
    test: {
      name,
      include: [...include],
      maxWorkers: 1,
      sequence: { groupOrder },
      testTimeout: minutes * 60_000,
      hookTimeout: minutes * 60_000,
    },
  };
}

export default defineConfig({
  test: {
    reporters: ["default", new CountReporter()],
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
      oneAtATime("peers", 1, ["vm-tests/peers/**/*.test.ts"], 3),
      oneAtATime("booted", 2, ["vm-tests/booted/**/*.test.ts"], 15),
      // Level 4 in full; its files boot-*.test.ts, one BIOS and one UEFI machine, are part of every `npm test`.
      oneAtATime("smoke", 3, ["vm-tests/vm/boot-*.test.ts"], 25),
      oneAtATime("vm", 4, ["vm-tests/vm/**/*.test.ts"], 25),
    ],
  },
});
