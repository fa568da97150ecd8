/** Changes one value of an operator's YAML file and leaves every other byte of it as it was. Pure. */
import {
  isAlias,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type YAMLMap,
} from "yaml";
import { canonicalJson } from "./digest.ts";
import { ImagectlError } from "./errors.ts";

/** The last part of a path is a key of a map; `set` adds it at the map's end where it is missing. */
export type YamlEdit =
  | { readonly kind: "set"; readonly path: readonly string[]; readonly value: YamlValue }
  /** Adds to the end of the list that is the key's value. */
  | { readonly kind: "append"; readonly path: readonly string[]; readonly values: readonly string[] }
  | { readonly kind: "remove"; readonly path: readonly string[] };

/** A map is written in one line: `{uid: 10001, keys: ["…"]}`. */
export type YamlValue = string | { readonly [key: string]: number | readonly string[] };

/**
 * The library's own way back to text would lay the whole file out anew: flow maps, quotes, long lines. So only
 * the place of the change is cut out of the text, and what comes out is read again before it is believed.
 * @param fileName for the error.
 * @returns the text with the one change in it; comments stay, those above a removed key too.
 * @throws ImagectlError FILE_NOT_EDITABLE where the value is shared by an alias, or the place cannot be found.
 */
export function editYaml(text: string, fileName: string, edit: YamlEdit): string {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false });
  const parent = document.errors.length === 0 ? document.getIn(edit.path.slice(0, -1), true) : undefined;
  const changed =
    isMap(parent) && parent.range ? splice(text, parent as YAMLMap<Node, Node>, edit) : undefined;
  const wanted = applyTo(document.toJS() as unknown, edit);
  if (changed !== undefined && isWanted(changed, wanted)) return changed;
  const offset = isAlias(parent) || isMap(parent) ? (parent.range?.[0] ?? 0) : 0;
  const place = `${fileName}:${Math.max(1, lineCounter.linePos(offset).line)}`;
  throw new ImagectlError("FILE_NOT_EDITABLE", `${place}: ${edit.path.join(".")} cannot be changed safely`, {
    hint: hintByHand(edit),
  });
}

function hintByHand(edit: YamlEdit): string {
  const place = edit.path.join(".");
  const whose = "by hand (aliases and merged keys are yours)";
  if (edit.kind === "remove") return `Remove it ${whose}: ${place}`;
  if (edit.kind === "set") return `Change it ${whose}: ${place} becomes ${written(edit.value)}`;
  return `Change it ${whose}: ${place} gets ${edit.values.map(written).join(", ")}`;
}

/** A change that does more or less than it should, since an anchor is shared, is found here. */
function isWanted(text: string, wanted: unknown): boolean {
  const document = parseDocument(text, { prettyErrors: false });
  return document.errors.length === 0 && canonicalJson(document.toJS()) === canonicalJson(wanted);
}

function applyTo(value: unknown, edit: YamlEdit): unknown {
  // Not structuredClone(): what an alias shares must come out as two, of which one is changed.
  const copy = JSON.parse(JSON.stringify(value ?? null)) as unknown;
  let target = copy as Record<string, unknown>;
  for (const part of edit.path.slice(0, -1)) target = (target?.[part] ?? {}) as Record<string, unknown>;
  const key = edit.path.at(-1) as string;
  if (edit.kind === "set") target[key] = edit.value;
  else if (edit.kind === "append") target[key] = [...((target[key] ?? []) as unknown[]), ...edit.values];
  else delete target[key];
  return copy;
}

type BlockPair = Pair<Node, Node | null>;

function splice(text: string, map: YAMLMap<Node, Node>, edit: YamlEdit): string | undefined {
  const pairs = map.items as BlockPair[];
  const key = edit.path.at(-1);
  const index = pairs.findIndex((pair) => String(isScalar(pair.key) ? pair.key.value : pair.key) === key);
  const pair = pairs[index];
  if (edit.kind === "remove") {
    if (pair === undefined) return undefined;
    return map.flow === true ? removeFromFlow(text, pairs, index) : removeLines(text, pairs, pair);
  }
  if (edit.kind === "append") return pair === undefined ? undefined : append(text, pair.value, edit.values);
  if (pair !== undefined) return replaceScalar(text, pair.value, edit.value);
  const last = pairs.at(-1);
  if (last === undefined) return undefined;
  const addition = `${key}: ${written(edit.value)}`;
  return map.flow === true ? insert(text, endOf(last), `, ${addition}`) : addLine(text, last, addition);
}

function append(text: string, list: Node | null, values: readonly string[]): string | undefined {
  const last: unknown = isSeq(list) ? list.items.at(-1) : undefined;
  if (!isSeq(list) || !isScalar(last) || !last.range) return undefined;
  const [start, end] = last.range;
  if (list.flow === true) return insert(text, end, values.map((value) => `, ${written(value)}`).join(""));
  const dash = text.slice(text.lastIndexOf("\n", start - 1) + 1, start);
  if (!/^[ \t]*-[ \t]+$/.test(dash)) return undefined;
  const newline = text.includes("\r\n") ? "\r\n" : "\n";
  const lines = values.map((value) => `${dash}${written(value)}`);
  const lineEnd = text.indexOf("\n", end);
  return lineEnd < 0
    ? `${text}${lines.map((line) => newline + line).join("")}`
    : insert(text, lineEnd + 1, lines.map((line) => line + newline).join(""));
}

function replaceScalar(text: string, node: Node | null, value: YamlValue): string | undefined {
  if (!isScalar(node) || !node.range || typeof value !== "string") return undefined;
  const [start, end] = node.range;
  const quote = text[start];
  const changed = quote === '"' ? JSON.stringify(value) : written(value);
  return text.slice(0, start) + changed + text.slice(end);
}

function written(value: YamlValue): string {
  if (typeof value === "string") return plainOrQuoted(value);
  const entries = Object.entries(value).map(
    ([key, entry]) =>
      `${key}: ${typeof entry === "number" ? entry : `[${entry.map(plainOrQuoted).join(", ")}]`}`,
  );
  return `{${entries.join(", ")}}`;
}

/** What YAML 1.2 reads back as this very string without quotes; everything else gets them. */
function plainOrQuoted(value: string): string {
  return /^[a-z][a-z0-9.-]*$/.test(value) && !/^(true|false|null)$/.test(value)
    ? value
    : JSON.stringify(value);
}

function addLine(text: string, last: BlockPair, addition: string): string {
  const start = startOf(last);
  const indent = text.slice(text.lastIndexOf("\n", start - 1) + 1, start);
  // After "- " of a list, the next key stands below the first one.
  const blank = indent.replace(/[^ \t]/g, " ");
  const lineEnd = text.indexOf("\n", endOf(last));
  const newline = text.includes("\r\n") ? "\r\n" : "\n";
  return lineEnd < 0
    ? `${text}${newline}${blank}${addition}`
    : insert(text, lineEnd + 1, `${blank}${addition}${newline}`);
}

function removeLines(text: string, pairs: readonly BlockPair[], pair: BlockPair): string {
  const start = text.lastIndexOf("\n", startOf(pair) - 1) + 1;
  const lineEnd = text.indexOf("\n", endOf(pair));
  const without = text.slice(0, start) + (lineEnd < 0 ? "" : text.slice(lineEnd + 1));
  if (pairs.length > 1) return without;
  // The map above would become null: `nodes:` without anything below it.
  const colon = text.slice(0, start).lastIndexOf(":");
  return insert(without, colon + 1, " {}");
}

function removeFromFlow(text: string, pairs: readonly BlockPair[], index: number): string {
  const [pair, next, before] = [pairs[index] as BlockPair, pairs[index + 1], pairs[index - 1]];
  if (next !== undefined) return text.slice(0, startOf(pair)) + text.slice(startOf(next));
  const from = before === undefined ? startOf(pair) : endOf(before);
  return text.slice(0, from) + text.slice(endOf(pair));
}

function insert(text: string, at: number, addition: string): string {
  return text.slice(0, at) + addition + text.slice(at);
}

function startOf(pair: BlockPair): number {
  return pair.key.range?.[0] ?? 0;
}

/** The end of the last thing that the pair holds: a block map's own range goes on into the lines after it. */
function endOf(pair: BlockPair): number {
  let node: Node | null = pair.value;
  let end = pair.key.range?.[1] ?? 0;
  while (node !== null) {
    end = node.range?.[1] ?? end;
    if (!isCollection(node) || node.flow === true) break;
    const last: unknown = node.items.at(-1);
    if (last === undefined) break;
    node = (isMap(node) ? ((last as BlockPair).value ?? (last as BlockPair).key) : last) as Node;
  }
  return end;
}
