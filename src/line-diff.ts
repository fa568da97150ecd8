/** What differs between two versions of a text, as a person reads it: one hunk in the format of `diff -u`. Pure. */

/** Lines of context, as diff(1) has them. */
const contextLines = 3;

/**
 * For texts that differ in one place: everything between the first and the last different line is one hunk.
 * @returns "" for equal texts; else `---`, `+++`, `@@` and the lines, each ending with a newline.
 */
export function lineDiff(before: string, after: string, name: string): string {
  if (before === after) return "";
  const [old, fresh] = [linesOf(before), linesOf(after)];
  const head = commonCount(old, fresh);
  const tail = commonCount(old.slice(head).reverse(), fresh.slice(head).reverse());
  const first = Math.max(0, head - contextLines);
  const kept = (lines: readonly string[]): readonly string[] => lines.slice(head, lines.length - tail);
  const below = old.slice(old.length - tail).slice(0, contextLines);
  const above = old.slice(first, head);
  const count = (lines: readonly string[]): number => above.length + kept(lines).length + below.length;
  return [
    `--- ${name}`,
    `+++ ${name}`,
    `@@ -${first + 1},${count(old)} +${first + 1},${count(fresh)} @@`,
    ...above.map((line) => ` ${line}`),
    ...kept(old).map((line) => `-${line}`),
    ...kept(fresh).map((line) => `+${line}`),
    ...below.map((line) => ` ${line}`),
    "",
  ].join("\n");
}

function linesOf(text: string): string[] {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

function commonCount(left: readonly string[], right: readonly string[]): number {
  const end = Math.min(left.length, right.length);
  for (let index = 0; index < end; index++) if (left[index] !== right[index]) return index;
  return end;
}
