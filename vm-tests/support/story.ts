/** Tests of one file that build on each other: after the first failure the rest would only fail as well, slowly. */
import { beforeEach, onTestFailed } from "vitest";

/** Call it once at the top of the file. What is skipped says after which test. */
export function tellAsOneStory(): void {
  let failed: string | undefined;
  beforeEach((context) => {
    if (failed !== undefined) context.skip(`the story ended at: ${failed}`);
    onTestFailed(() => {
      failed ??= context.task.name;
    });
  });
}
