/** Text from a node, made safe for a terminal: what a machine says of itself must not steer the operator's screen. */

/** @returns the text with control characters (C0 but tab and line feed, DEL, C1) replaced by `?`. */
export function terminalText(text: string): string {
  return [...text].map((character) => (isControl(character) ? "?" : character)).join("");
}

/** The same on one line: line feeds and tabs become spaces. */
export function terminalLine(text: string): string {
  return terminalText(text.replaceAll(/[\t\r\n]+/g, " "));
}

function isControl(character: string): boolean {
  const code = character.codePointAt(0) as number;
  return (code < 0x20 && code !== 0x09 && code !== 0x0a) || (code >= 0x7f && code <= 0x9f);
}
