/** How commands change the cluster file: the new text is validated and shown, and then replaces the old one at once. */
import type { ClusterEdit, ClusterText } from "../cluster/edit.ts";
import { readClusterText, replaceClusterFile } from "../cluster/file.ts";
import { parseCluster, requireCluster } from "../cluster/parse.ts";
import { ImagectlError } from "../errors.ts";
import { lineDiff } from "../line-diff.ts";
import { readPlanSources } from "../plan/inputs.ts";
import { findProblems } from "./check-cluster.ts";

export type EditAnswer = ClusterEdit & {
  readonly file: string;
  readonly isChanged: boolean;
  /** As `diff -u` shows it. */
  readonly diff: string;
};

/**
 * @param edit makes the new text.
 * @param isDryRun everything but the writing.
 * @throws ImagectlError CLUSTER_INVALID when the file is broken or would be afterwards; CLUSTER_CHANGED; what
 *   `edit` throws.
 */
export async function editCluster(
  file: string,
  isDryRun: boolean,
  edit: (source: ClusterText) => ClusterEdit,
): Promise<EditAnswer> {
  const text = await readClusterText(file);
  const { roles } = await readPlanSources(file);
  const cluster = requireCluster(parseCluster(text, file), file);
  const edited = edit({ text, fileName: file, cluster });
  const problems = findProblems(parseCluster(edited.text, file), roles).filter(
    ({ severity }) => severity === "error",
  );
  if (problems.length > 0) {
    throw new ImagectlError("CLUSTER_INVALID", `${file} would not be valid afterwards; it stays as it is`, {
      hint: `Mend what is listed first, then run the command again: imagectl validate ${file}`,
      findings: problems,
    });
  }
  const isChanged = edited.text !== text;
  if (isChanged && !isDryRun) await replaceClusterFile(file, text, edited.text);
  return { ...edited, file, isChanged, diff: lineDiff(text, edited.text, file) };
}
