/** A YAML file against its zod schema: every problem as a finding with place and hint. */
import { z } from "zod";
import type { ErrorCode } from "./error-codes.ts";
import type { Finding } from "./errors.ts";
import { hintForName } from "./nearest.ts";
import type { YamlFile } from "./yaml-file.ts";

/**
 * Checks a file against its schema.
 * @returns every problem with its place; `value` only when there is none.
 */
export function checkShape<Schema extends z.ZodType>(
  file: YamlFile,
  schema: Schema,
): { readonly value?: z.output<Schema>; readonly findings: readonly Finding[] } {
  if (file.findings.some((finding) => finding.severity === "error")) return { findings: file.findings };
  const parsed = schema.safeParse(file.value);
  if (parsed.success) return { value: parsed.data, findings: file.findings };
  const guide = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as SchemaGuide;
  const findings = parsed.error.issues.flatMap((issue) => findingsOf(issue, file, guide));
  return { findings: [...file.findings, ...findings] };
}

/** Fails a zod check with a code and hint of its own; for use with `context.addIssue`. */
export function problem(message: string, details: { code?: ErrorCode; hint: string; path?: PropertyKey[] }) {
  const { path, ...params } = details;
  return { code: "custom" as const, message, params, ...(path === undefined ? {} : { path }) };
}

type SchemaGuide = {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, SchemaGuide>>;
  readonly additionalProperties?: SchemaGuide | false;
  readonly items?: SchemaGuide;
  readonly anyOf?: readonly SchemaGuide[];
  readonly oneOf?: readonly SchemaGuide[];
};

function guideAt(guide: SchemaGuide, path: readonly PropertyKey[]): SchemaGuide | undefined {
  const [part, ...rest] = path;
  if (part === undefined) return guide;
  const options = [guide, ...(guide.anyOf ?? []), ...(guide.oneOf ?? [])];
  for (const option of options) {
    const next =
      typeof part === "number"
        ? option.items
        : (option.properties?.[String(part)] ?? (option.additionalProperties || undefined));
    const found = next === undefined ? undefined : guideAt(next, rest);
    if (found !== undefined) return found;
  }
  return undefined;
}

function findingsOf(issue: z.core.$ZodIssue, file: YamlFile, guide: SchemaGuide): Finding[] {
  const name = issue.path.map(String).join(".");
  const at = (code: ErrorCode, where: string, message: string, hint: string): Finding => ({
    code,
    where,
    message,
    hint,
    severity: "error",
  });
  if (issue.code === "unrecognized_keys") {
    const known = knownKeys(guideAt(guide, issue.path));
    return issue.keys.map((key) =>
      at(
        "KEY_UNKNOWN",
        file.whereKey([...issue.path, key]),
        `unknown key ${prefix(name)}${key}`,
        hintForName(key, known),
      ),
    );
  }
  const described = describe(guide, issue.path);
  if (issue.code === "invalid_type" && !existsAt(file.value, issue.path)) {
    const key = String(issue.path.at(-1) ?? "the document");
    const hint = `Add it. ${described ?? `${key}: ${issue.expected}`}`;
    return [at("KEY_MISSING", file.whereKey(issue.path), `${name || "everything"} is missing`, hint)];
  }
  const params =
    issue.code === "custom" ? (issue.params as { code?: ErrorCode; hint?: string } | undefined) : undefined;
  const message = `${prefix(name, ": ")}${describeIssue(issue, valueAt(file.value, issue.path))}`;
  const hint =
    params?.hint ?? described ?? "See docs/cluster-file.md and docs/roles.md for what may stand here.";
  return [at(params?.code ?? "VALUE_INVALID", file.where(issue.path), message, hint)];
}

/** What the schema says about the place, or about the nearest thing around it. */
function describe(guide: SchemaGuide, path: readonly PropertyKey[]): string | undefined {
  for (let length = path.length; length > 0; length--) {
    const description = guideAt(guide, path.slice(0, length))?.description;
    if (description !== undefined) return `${String(path[length - 1])}: ${description}`;
  }
  return undefined;
}

function prefix(name: string, separator = "."): string {
  return name === "" ? "" : `${name}${separator}`;
}

function knownKeys(guide: SchemaGuide | undefined): string[] {
  const options = guide === undefined ? [] : [guide, ...(guide.anyOf ?? []), ...(guide.oneOf ?? [])];
  return [...new Set(options.flatMap((option) => Object.keys(option.properties ?? {})))];
}

/** What zod calls the kinds of values, in the words of someone who writes YAML. */
const kinds: Readonly<Record<string, string>> = {
  array: "a list ([a, b], or lines that begin with -)",
  boolean: "true or false",
  int: "a whole number",
  number: "a number",
  object: "keys below it (key: value)",
  record: "names below it (name: …)",
  string: "a text",
};

function describeIssue(issue: z.core.$ZodIssue, value: unknown): string {
  if (issue.code !== "invalid_type" || kinds[issue.expected] === undefined)
    return issue.message.replace(/^Invalid (input|option): /, "");
  return `expected ${kinds[issue.expected]}, ${kindOf(value)}`;
}

function kindOf(value: unknown): string {
  if (value === null) return "nothing stands there";
  if (Array.isArray(value)) return "this is a list";
  if (typeof value === "object") return "this has keys below it";
  return typeof value === "string"
    ? "this is a text"
    : `this is ${JSON.stringify(value)} (a text stands in quotes)`;
}

function existsAt(value: unknown, path: readonly PropertyKey[]): boolean {
  return valueAt(value, path) !== undefined;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let current = value;
  for (const part of path) {
    if (current === null || typeof current !== "object" || !Object.hasOwn(current, part)) return undefined;
    current = (current as Record<PropertyKey, unknown>)[part];
  }
  return current;
}
