/** What may stand where: a small language for tables of keys and kinds, and the comparison of a place with it. */
import type { Finding } from "../../errors.ts";
import { hintForName, nearestOf } from "../../nearest.ts";
import { isMap, type Place } from "./place.ts";

export type Shape =
  | { readonly kind: "text" | "flag" | "number" | "anything" }
  | { readonly kind: "choice"; readonly of: readonly (string | number | boolean)[] }
  | { readonly kind: "either"; readonly of: readonly Shape[] }
  | { readonly kind: "list"; readonly of: Shape; readonly least: number }
  /** A map whose keys are names of the author's. */
  | { readonly kind: "named"; readonly of: Shape }
  | MapShape;

type MapShape = {
  readonly kind: "map";
  readonly keys: Readonly<Record<string, Shape>>;
  readonly required: readonly string[];
  /** What an unknown key does. `guess`: the table is not complete, so that only a likely typo is one. */
  readonly unknown: "ignored" | "stops" | "guess";
};

/** What happens on the machine, as the end of a sentence. */
export type Consequence = {
  readonly ignored: string;
  readonly stops: string;
  /** What to do about an unknown key that resembles no known one. Default: the known ones. */
  readonly hintForKey?: (key: string) => string | undefined;
};

export const text: Shape = { kind: "text" };
export const flag: Shape = { kind: "flag" };
export const number: Shape = { kind: "number" };
export const anything: Shape = { kind: "anything" };
export const choice = (...of: (string | number | boolean)[]): Shape => ({ kind: "choice", of });
export const either = (...of: Shape[]): Shape => ({ kind: "either", of });
export const list = (of: Shape, least = 0): Shape => ({ kind: "list", of, least });
export const named = (of: Shape): Shape => ({ kind: "named", of });
/** Keys that may hold anything. */
export const keysOf = (names: string, shape: Shape = anything): Record<string, Shape> =>
  Object.fromEntries(names.split(/\s+/).map((name) => [name, shape]));

export function map(
  unknown: MapShape["unknown"],
  keys: MapShape["keys"],
  ...required: readonly string[]
): Shape {
  return { kind: "map", keys, required, unknown };
}

/** @returns every place in it that is not what the shape says. */
export function compareShape(place: Place, shape: Shape, consequence: Consequence): Finding[] {
  const { value } = place;
  switch (shape.kind) {
    case "anything":
      return [];
    case "text":
      return typeof value === "string" ? [] : [wrongKind(place, shape, consequence)];
    case "flag":
      return typeof value === "boolean" ? [] : [wrongKind(place, shape, consequence)];
    case "number":
      return typeof value === "number" ? [] : [wrongKind(place, shape, consequence)];
    case "choice":
      return shape.of.some((option) => option === value) ? [] : [wrongKind(place, shape, consequence)];
    case "either":
      return compareEither(place, shape.of, consequence);
    case "list":
      if (!Array.isArray(value) || value.length < shape.least) return [wrongKind(place, shape, consequence)];
      return place.items().flatMap((item) => compareShape(item, shape.of, consequence));
    case "named":
      if (!isMap(value)) return [wrongKind(place, shape, consequence)];
      return place.entries().flatMap(([, entry]) => compareShape(entry, shape.of, consequence));
    case "map":
      return isMap(value) ? compareMap(place, shape, consequence) : [wrongKind(place, shape, consequence)];
    default:
      return shape satisfies never;
  }
}

function compareMap(place: Place, shape: MapShape, consequence: Consequence): Finding[] {
  const missing = shape.required.filter((key) => place.at(key).value === undefined);
  return [
    ...missing.map((key) =>
      place.error(
        "KEY_MISSING",
        `${place.at(key).name} is missing: ${consequence.stops}`,
        `Add it: ${key}: ${describeShape(shape.keys[key] ?? anything)}`,
        "key",
      ),
    ),
    ...place.entries().flatMap(([key, entry]) => {
      const known = Object.hasOwn(shape.keys, key) ? shape.keys[key] : undefined;
      return known === undefined
        ? unknownKey(key, entry, shape, consequence)
        : compareShape(entry, known, consequence);
    }),
  ];
}

function unknownKey(key: string, entry: Place, shape: MapShape, consequence: Consequence): Finding[] {
  const known = Object.keys(shape.keys);
  if (shape.unknown === "guess" && nearestOf(key, known) === undefined) return [];
  const effect = shape.unknown === "stops" ? consequence.stops : consequence.ignored;
  const isTypo = nearestOf(key, known) !== undefined;
  const hint = (isTypo ? undefined : consequence.hintForKey?.(key)) ?? hintForName(key, known);
  return [entry.error("KEY_UNKNOWN", `unknown key ${entry.name}: ${effect}`, hint, "key")];
}

/** The alternative that fits; else what is wrong with the one of the same kind; else that it is none of them. */
function compareEither(place: Place, options: readonly Shape[], consequence: Consequence): Finding[] {
  const attempts = options.map((option) => compareShape(place, option, consequence));
  if (attempts.some((findings) => findings.length === 0)) return [];
  const ofSameKind = options.findIndex((option) => isSameKind(place.value, option));
  const wrong: Shape = { kind: "either", of: options };
  return attempts[ofSameKind] ?? [wrongKind(place, wrong, consequence)];
}

function isSameKind(value: unknown, shape: Shape): boolean {
  if (shape.kind === "list") return Array.isArray(value);
  return (shape.kind === "map" || shape.kind === "named") && isMap(value);
}

function wrongKind(place: Place, shape: Shape, consequence: Consequence): Finding {
  return place.error(
    "VALUE_INVALID",
    `${place.name} must be ${describeShape(shape)}, not ${describeValue(place.value, shape)}: ${consequence.stops}`,
    hintForKind(place.value, shape),
  );
}

function hintForKind(value: unknown, shape: Shape): string {
  if (shape.kind === "choice") {
    const isOnlyQuoted = shape.of.some((option) => typeof option !== "string" && String(option) === value);
    return isOnlyQuoted ? "Write it without quotes." : `One of: ${shape.of.join(", ")}`;
  }
  if (isMap(value) && mayBeText(shape)) return "A colon makes it a map: put the whole text into quotes.";
  if (mayBeText(shape) && value !== null && !Array.isArray(value)) return "Put it into quotes.";
  if (value === null) return "Give it a value, or remove the key.";
  if (shape.kind === "number" || shape.kind === "flag") return "Write it without quotes.";
  return `Write it as ${describeShape(shape)}.`;
}

function mayBeText(shape: Shape): boolean {
  return shape.kind === "text" || (shape.kind === "either" && shape.of.some(mayBeText));
}

function describeShape(shape: Shape): string {
  switch (shape.kind) {
    case "text":
      return "a text";
    case "flag":
      return "true or false";
    case "number":
      return "a number";
    case "anything":
      return "a value";
    case "choice":
      return shape.of.join(" or ");
    case "either":
      return [...new Set(shape.of.map(describeShape))].join(" or ");
    case "list":
      return shape.least > 0 ? "a list that is not empty" : "a list";
    case "named":
    case "map":
      return "a map";
    default:
      return shape satisfies never;
  }
}

function describeValue(value: unknown, shape: Shape): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (isMap(value)) return "a map";
  // Elsewhere never the text itself: it may be a password.
  if (typeof value === "string") return shape.kind === "choice" ? JSON.stringify(value) : "a text";
  return value instanceof Date ? "a date" : `the ${typeof value} ${String(value)}`;
}
