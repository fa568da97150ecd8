/** Quoting for POSIX sh: the one place where a value becomes a word of a shell line. */

/** @returns the value as exactly one shell word (POSIX 2.2.2, single quotes). */
export function shellQuote(value: string): string {
  return /^[A-Za-z0-9_./:=@%+,-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`;
}

/** @returns the words as one shell command line. */
export function shellLine(words: readonly string[]): string {
  return words.map(shellQuote).join(" ");
}
