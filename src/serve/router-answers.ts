/** Keeps iPXE from waiting for an IPv6 router that is not there: 16 seconds of every network boot. */
import { join } from "node:path";
import { packageRoot } from "../paths.ts";
import { start } from "../run.ts";

export type RouterAnswersOptions = {
  readonly interface: string;
  /** What it says, and that it ended: nodes still boot, but each boot takes longer. */
  readonly log: (message: string) => void;
};

/** @returns a function that ends it. */
export function startRouterAnswers(options: RouterAnswersOptions): () => void {
  let isStopping = false;
  const program = start(join(packageRoot, "bin/answer-router-solicitations"), [options.interface], {
    onLine: options.log,
  });
  void program.exited.then(({ exitCode, signal }) => {
    if (isStopping) return;
    options.log(`no answers to IPv6 router solicitations (${signal ?? exitCode}): iPXE waits 16 s per boot`);
  });
  return () => {
    isStopping = true;
    program.stop();
  };
}
