/** Prometheus' text format, as far as a board needs it: the samples of some metrics among thousands. */

export type Sample = {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
};

const sampleLine = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?[ \t]+(\S+)(?:[ \t]+-?\d+)?$/;
const labelPair = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/**
 * Source: Prometheus, "Exposition formats", text-based format 0.0.4.
 * @param names beginnings of the names that are wanted: `imagectl_gpu`.
 * @returns their samples in the order of the text. What is no sample, or no number, is left out: a node says what it likes.
 */
export function readSamples(text: string, names: readonly string[]): Sample[] {
  return text.split("\n").flatMap((line) => {
    if (!names.some((name) => line.startsWith(name))) return [];
    const [, name, labels = "", number = ""] = sampleLine.exec(line) ?? [];
    const value = Number(number);
    return name === undefined || Number.isNaN(value) ? [] : [{ name, labels: readLabels(labels), value }];
  });
}

function readLabels(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(labelPair)].map(([, name, value = ""]) => [name as string, unquote(value)]),
  );
}

function unquote(value: string): string {
  return value.replaceAll(/\\(.)/g, (_whole, letter: string) => (letter === "n" ? "\n" : letter));
}
