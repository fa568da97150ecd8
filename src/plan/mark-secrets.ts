/** Finds where secrets go in a rendered text, without knowing their values. */
import type { Rendered } from "../template.ts";

/** Between `start` and `end` (UTF-16 units) the text reads `[secret NAME]`. */
export type SecretOffset = { readonly name: string; readonly start: number; readonly end: number };

export type MarkedText = Rendered & { readonly secrets: readonly SecretOffset[] };

/**
 * The text is rendered once to see which character it lacks, and once with that character around each secret's
 * name: so nothing that the cluster file or a role says, whatever it says, is taken for a secret. What the plan
 * keeps is a place, which no content can forge.
 * @param names of the secrets that the text may read.
 * @param render makes the text with these values for them.
 */
export function markSecrets(
  names: readonly string[],
  render: (values: Readonly<Record<string, string>>) => Rendered,
): MarkedText {
  const withValues = (standIn: (name: string) => string): Rendered =>
    render(Object.fromEntries(names.map((name) => [name, standIn(name)])));
  const plain = withValues((name) => name);
  if (!plain.reads.has("secrets")) return { ...plain, secrets: [] };
  const mark = absentCharacter(plain.text);
  const parts = withValues((name) => `${mark}${name}${mark}`).text.split(mark);
  const secrets: SecretOffset[] = [];
  let text = "";
  for (const [index, part] of parts.entries()) {
    const isName = index % 2 === 1;
    const start = text.length;
    text += isName ? `[secret ${part}]` : part;
    if (isName) secrets.push({ name: part, start, end: text.length });
  }
  return { text, reads: plain.reads, secrets };
}

/** Unicode's Private Use Area, of which no text uses all 6400. */
function absentCharacter(text: string): string {
  for (let code = 0xe000; code <= 0xf8ff; code++) {
    const character = String.fromCharCode(code);
    if (!text.includes(character)) return character;
  }
  throw new RangeError("a text uses every character of the Private Use Area");
}

/** @param mode permission bits. @returns whether an account that is neither owner nor in the group may read. */
export function isReadableByAll(mode: number): boolean {
  return (mode & 0o004) !== 0;
}
