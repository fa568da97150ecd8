/** Prints what was skipped and why, and as the very last line `N passed, N failed`. */
import type { Reporter, TestCase, TestModule } from "vitest/node";

/** Vitest reporter: listed last in vitest.config.ts, so that its line is the last one. */
export class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const brokenModules = modules.filter((module) => module.errors().length > 0).length;
    const passed = tests.filter((test) => test.result().state === "passed").length;
    const failed = tests.filter((test) => test.result().state === "failed").length;
    for (const test of tests.filter((candidate) => candidate.result().state === "skipped")) {
      console.log(`skipped: ${test.fullName}: ${skipReason(test)}`);
    }
    console.log(`${passed} passed, ${failed + brokenModules + unhandledErrors.length} failed`);
  }
}

function skipReason(test: TestCase): string {
  const result = test.result();
  return result.state === "skipped" ? (result.note ?? "no reason was given") : "";
}
