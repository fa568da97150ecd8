/** Which version of the cluster file an attempt was armed with, as git knows it. */
import { basename, dirname, resolve } from "node:path";
import { run } from "../run.ts";

/** git's exit code for "this is no repository", and what a shell would say when there is no git. */
const noRepository = [0, 128];

/**
 * @returns the short hash of the last commit that touched the file, with `+changes` when it differs from it;
 *   `not in git` otherwise.
 */
export async function revisionOf(clusterFile: string): Promise<string> {
  const path = resolve(clusterFile);
  const git = async (...words: string[]): Promise<string> => {
    const { exitCode, stdout } = await run("git", ["-C", dirname(path), ...words, "--", basename(path)], {
      okExitCodes: noRepository,
    });
    return exitCode === 0 ? stdout.trim() : "";
  };
  try {
    const commit = await git("log", "-1", "--format=%h");
    if (commit === "") return "not in git";
    return (await git("status", "--porcelain")) === "" ? commit : `${commit}+changes`;
  } catch {
    // Without git there is no revision; that must not keep anybody from arming a node.
    return "not in git";
  }
}
