/** A value of a document together with where it stands: what the checks walk through and report at. */
import type { ErrorCode } from "../../error-codes.ts";
import type { Finding } from "../../errors.ts";
import type { YamlFile } from "../../yaml-file.ts";

/** Where in a file a finding points: at the value, or at the key that names it. */
type Spot = "value" | "key";

export type Place = {
  /** undefined when there is nothing here. */
  readonly value: unknown;
  /** `storage.config[2].size`; empty for the whole. */
  readonly name: string;
  at(key: PropertyKey): Place;
  /** Of a map; nothing when it is none. */
  entries(): (readonly [key: string, place: Place])[];
  /** Of a list; nothing when it is none. */
  items(): Place[];
  error(code: ErrorCode, message: string, hint: string, spot?: Spot): Finding;
  warning(code: ErrorCode, message: string, hint: string, spot?: Spot): Finding;
};

/** @param at the path of the value; its name in messages begins below. */
export function placeIn(file: YamlFile, at: readonly PropertyKey[]): Place {
  const value = at.reduce<unknown>((outer, key) => own(outer, key), file.value);
  return makePlace(file, at, value, "");
}

function makePlace(file: YamlFile, path: readonly PropertyKey[], value: unknown, name: string): Place {
  const say = (
    severity: Finding["severity"],
    [code, message, hint, spot = "value"]: Parameters<Place["error"]>,
  ): Finding => ({
    code,
    where: spot === "key" ? file.whereKey(path) : file.where(path),
    message,
    hint,
    severity,
  });
  const child = (key: PropertyKey): Place =>
    makePlace(file, [...path, key], own(value, key), childName(name, key));
  return {
    value,
    name,
    at: child,
    entries: () => (isMap(value) ? Object.keys(value).map((key) => [key, child(key)] as const) : []),
    items: () => (Array.isArray(value) ? value.map((_item, index) => child(index)) : []),
    error: (...words) => say("error", words),
    warning: (...words) => say("warning", words),
  };
}

function childName(name: string, key: PropertyKey): string {
  if (typeof key === "number") return `${name}[${key}]`;
  return name === "" ? String(key) : `${name}.${String(key)}`;
}

function own(value: unknown, key: PropertyKey): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key)
    ? (value as Record<PropertyKey, unknown>)[key]
    : undefined;
}

export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** @returns the text, or undefined when the value is another kind of thing. */
export function textOf(place: Place): string | undefined {
  return typeof place.value === "string" ? place.value : undefined;
}

/** The texts of a list, with their places; what is no text is left out. */
export function textsOf(place: Place): { readonly place: Place; readonly text: string }[] {
  return place.items().flatMap((item) => {
    const text = textOf(item);
    return text === undefined ? [] : [{ place: item, text }];
  });
}
