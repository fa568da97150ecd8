/** A YAML file of the operator: its values, and the line and column where each of them stands. */
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  stringify,
  visit,
  type YAMLError,
} from "yaml";
import type { Finding } from "./errors.ts";
import { explainYaml } from "./yaml-problem.ts";

/** `nodes.node1.mac`, or its parts where a part may hold a dot. */
export type YamlPath = string | readonly PropertyKey[];

export type YamlFile = {
  readonly fileName: string;
  /** Plain maps, lists and scalars; undefined when the text is no YAML at all. */
  readonly value: unknown;
  readonly findings: readonly Finding[];
  /** @returns `file:line:column` of the value there, or of the nearest thing around it that exists. */
  where(path: YamlPath): string;
  /** The same for the key that names it. */
  whereKey(path: YamlPath): string;
};

/**
 * The value as YAML, long texts on one line each, as they were written.
 * @param options version 1.1 for PyYAML, which takes some MAC addresses for numbers.
 */
export function writeYaml(value: unknown, options: { readonly version?: "1.1" } = {}): string {
  return stringify(value, { lineWidth: 0, ...options });
}

/**
 * Reads one YAML document: YAML 1.2, or 1.1 as PyYAML and so Ubuntu's installer reads it (`no` is false, `<<` merges).
 * A syntax error never quotes the text: the line may be one of a private key.
 */
export function parseYamlFile(
  text: string,
  fileName: string,
  options: { readonly version?: "1.1" | "1.2" } = {},
): YamlFile {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, {
    lineCounter,
    prettyErrors: false,
    uniqueKeys: true,
    version: options.version ?? "1.2",
  });
  const place = (offset: number): string => {
    const { line, col } = lineCounter.linePos(offset);
    return `${fileName}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
  };
  const mayQuote = !text.includes("PRIVATE KEY");
  const findings = firstOfEachLine([...document.errors, ...document.warnings], lineCounter).map(
    (error): Finding => ({
      code: "YAML_INVALID",
      where: place(error.pos[0]),
      ...explainYaml(error, text, mayQuote),
      severity: "error",
    }),
  );
  const plain = document.errors.length === 0 ? toPlain(document) : { value: undefined };
  if (plain.refused !== undefined) {
    findings.push({
      code: "YAML_INVALID",
      where: place(plain.refused.offset),
      message: plain.refused.message,
      hint: "Write what is meant there out in full.",
      severity: "error",
    });
  }
  const find = (path: YamlPath, wanted: "key" | "value"): string =>
    place(locate(document, typeof path === "string" ? path.split(".") : path, wanted));
  return {
    fileName,
    value: plain.value,
    findings,
    where: (path) => find(path, "value"),
    whereKey: (path) => find(path, "key"),
  };
}

/** One slip makes several errors of a line; those after the first only tell how the parser came to grips with it. */
function firstOfEachLine<Problem extends YAMLError>(
  problems: readonly Problem[],
  lines: LineCounter,
): Problem[] {
  const lineOf = (problem: Problem): number => lines.linePos(problem.pos[0]).line;
  return problems.filter(
    (problem, index) => !problems.slice(0, index).some((other) => lineOf(other) === lineOf(problem)),
  );
}

type Plain = {
  readonly value: unknown;
  readonly refused?: { readonly offset: number; readonly message: string };
};

/** What a document without syntax errors can still be refused for. */
function toPlain(document: Document): Plain {
  let refused: Plain["refused"];
  visit(document, {
    Alias: (_key, alias) => {
      if (alias.resolve(document) !== undefined) return;
      refused ??= { offset: startOf(alias), message: "this alias (*name) has no anchor (&name) before it" };
    },
    Pair: (_key, pair) => {
      // It would not become an entry of the map but its prototype, and vanish without a word.
      if (keyName(pair.key) !== "__proto__") return;
      refused ??= { offset: startOf(pair.key), message: "__proto__ cannot be a key" };
    },
  });
  if (refused !== undefined) return { value: undefined, refused };
  try {
    return { value: document.toJS() as unknown };
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    return {
      value: undefined,
      refused: { offset: 0, message: "aliases (*name) unfold to far more than the file itself" },
    };
  }
}

type Document = ReturnType<typeof parseDocument>;

/** The offset of what `path` names. A map or list is placed at its key, since that is what an editor shows. */
function locate(document: Document, path: readonly PropertyKey[], wanted: "key" | "value"): number {
  let node: unknown = document.contents;
  let offset = startOf(node);
  for (const [index, part] of path.entries()) {
    const container = isAlias(node) ? node.resolve(document) : node;
    const step = child(container, part);
    if (step === undefined) return offset;
    node = step.value;
    const isLast = index === path.length - 1;
    const atKey = step.key !== undefined && !(isLast && wanted === "value" && isScalar(node));
    offset = startOf(atKey ? step.key : (node ?? step.key)) || offset;
  }
  return offset;
}

function child(container: unknown, part: PropertyKey): { key?: unknown; value: unknown } | undefined {
  if (isMap(container)) {
    const pair = (container.items as Pair[]).find((item) => keyName(item.key) === String(part));
    return pair === undefined ? undefined : { key: pair.key, value: pair.value };
  }
  if (!isSeq(container)) return undefined;
  const value = container.items[Number(part)];
  return value === undefined ? undefined : { value };
}

function keyName(key: unknown): string {
  return String(isScalar(key) ? key.value : key);
}

function startOf(node: unknown): number {
  return (node as Node | null)?.range?.[0] ?? 0;
}
