/** Text inside XML and HTML: escaped, and without the control characters that neither may hold. */

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};

/**
 * @returns the text for an element's content or a double-quoted attribute. XML 1.0 section 2.2 allows no other
 *   control characters than tab, newline and return: they are dropped.
 */
export function xmlText(text: string): string {
  return [...text]
    .filter((character) => character >= " " || "\t\n\r".includes(character))
    .map((character) => entities[character] ?? character)
    .join("");
}
