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

/** A change that is checked and not written yet. */
export type PlannedEdit = EditAnswer & {
  /** What the file says until it is written. */
  readonly oldText: string;
};

/**
 * Plans a change and, unless it is a dry run, writes it.
 * @throws ImagectlError what `planEdit` and `writeEdit` throw.
 */
export async function editCluster(
  file: string,
  isDryRun: boolean,
  edit: (source: ClusterText) => ClusterEdit,
): Promise<EditAnswer> {
  const { oldText, ...answer } = await planEdit(file, edit);
  if (!isDryRun) await writeEdit({ ...answer, oldText });
  return answer;
}

/**
 * Everything but the writing, for commands that show the change and ask before they go on.
 * @param edit makes the new text.
 * @throws ImagectlError CLUSTER_INVALID when the file is broken or would be afterwards; what `edit` throws.
 */
export async function planEdit(
  file: string,
  edit: (source: ClusterText) => ClusterEdit,
): Promise<PlannedEdit> {
  const oldText = await readClusterText(file);
  const { roles } = await readPlanSources(file);
  const cluster = requireCluster(parseCluster(oldText, file), file);
  const edited = edit({ text: oldText, fileName: file, cluster });
  const problems = findProblems(parseCluster(edited.text, file), roles).filter(
    ({ severity }) => severity === "error",
  );
  if (problems.length > 0) {
    throw new ImagectlError("CLUSTER_INVALID", `${file} would not be valid afterwards; it stays as it is`, {
      hint: `Mend what is listed first, then run the command again: imagectl validate ${file}`,
      findings: problems,
    });
  }
  const isChanged = edited.text !== oldText;
  return { ...edited, file, isChanged, diff: lineDiff(oldText, edited.text, file), oldText };
}

/**
 * Replaces the file by the planned one, in one step.
 * @throws ImagectlError CLUSTER_CHANGED when it was written since by somebody else.
 */
export async function writeEdit({ file, isChanged, oldText, text }: PlannedEdit): Promise<void> {
  if (isChanged) await replaceClusterFile(file, oldText, text);
}
