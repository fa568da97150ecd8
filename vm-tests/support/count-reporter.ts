/** Prints what was skipped and why, and as the very last line `N passed, N failed`. */
import type { Reporter, TestCase, TestModule, TestSuite } from "vitest/node";

/** Vitest reporter: listed last in vitest.config.ts, so that its line is the last one. */
export class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const suites = modules.flatMap((module) => [module, ...module.children.allSuites()]);
    const brokenSuites = suites.filter((suite) => suite.errors().length > 0).length;
    const passed = tests.filter((test) => test.result().state === "passed").length;
    const failed = tests.filter((test) => test.result().state === "failed").length;
    for (const test of tests.filter((candidate) => candidate.result().state === "skipped")) {
      console.log(`skipped: ${test.fullName}: ${skipReason(test)}`);
    }
    console.log(`${passed} passed, ${failed + brokenSuites + unhandledErrors.length} failed`);
  }
}

function skipReason(test: TestCase): string {
  const result = test.result();
  const note = result.state === "skipped" ? result.note : undefined;
  return note ?? setupFailure(test.parent) ?? "no reason was given";
}

/**
 * Vitest skips the tests of a suite whose beforeAll failed, without a note. A suite whose afterAll failed has errors
 * as well, but also tests that ran.
 * @returns of the suite itself or of one around it.
 */
function setupFailure(suite: TestSuite | TestModule): string | undefined {
  const [error] = suite.errors();
  const didRun = [...suite.children.allTests()].some((test) => test.result().state !== "skipped");
  if (error !== undefined && !didRun) {
    return `the set-up of its suite failed: ${error.message.split("\n")[0]}`;
  }
  return suite.type === "module" ? undefined : setupFailure(suite.parent);
}
