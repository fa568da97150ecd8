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

/** Templates escape nothing, so every text is escaped before it gets there. @returns the view with each of its texts as `xmlText`. */
export function xmlView<View>(view: View): View {
  return escapeTexts(view) as View;
}

function escapeTexts(value: unknown): unknown {
  if (typeof value === "string") return xmlText(value);
  if (Array.isArray(value)) return value.map(escapeTexts);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, escapeTexts(each)]));
}
