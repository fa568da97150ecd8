/** Values of a role's parameters, against the schema that the role gives them. */
import { sha256Pattern } from "../digest.ts";
import type { BuildFile, ParamSchema } from "./role.ts";

/** @returns why the value does not fit, as the end of a sentence about it; undefined when it fits. */
export function complainAboutValue(schema: ParamSchema, value: unknown): string | undefined {
  if (schema.type === "file") return complainAboutFile(value);
  if (schema.type === "array") {
    if (!Array.isArray(value)) return "must be a list";
    const item = schema.items?.type ?? "string";
    const complaints = value.map((element) => complainAboutScalar({ ...schema, type: item }, element));
    const index = complaints.findIndex((complaint) => complaint !== undefined);
    return index < 0 ? undefined : `[${index}] ${complaints[index]}`;
  }
  return complainAboutScalar({ ...schema, type: schema.type }, value);
}

export function isBuildFile(value: unknown): value is BuildFile {
  return complainAboutFile(value) === undefined;
}

function complainAboutFile(value: unknown): string | undefined {
  const form = "must be {path: FILE, sha256: DIGEST}; the digest: sha256sum FILE";
  if (typeof value !== "object" || value === null) return form;
  const { path, sha256, ...others } = value as Readonly<Record<string, unknown>>;
  if (typeof path !== "string" || path === "" || /\p{Cc}/u.test(path)) return form;
  if (typeof sha256 !== "string" || Object.keys(others).length > 0) return form;
  return sha256Pattern.test(sha256) ? undefined : "has a sha256 that is not 64 lower-case hexadecimal digits";
}

function complainAboutScalar(
  schema: Pick<ParamSchema, "enum" | "pattern"> & { readonly type: "string" | "integer" | "boolean" },
  value: unknown,
): string | undefined {
  const isOfType = schema.type === "integer" ? Number.isSafeInteger(value) : typeof value === schema.type;
  if (!isOfType) return `must be ${schema.type === "integer" ? "an integer" : `a ${schema.type}`}`;
  if (schema.enum !== undefined && !schema.enum.includes(value as string | number)) {
    return `must be one of ${schema.enum.join(", ")}`;
  }
  // Values are printed into line-based files: a line end in one would add lines of its own.
  if (typeof value !== "string") return undefined;
  if (/\p{Cc}/u.test(value)) return "must not have line ends or other control characters";
  // The value is never quoted: it may be a private key in the wrong place.
  const { pattern } = schema;
  return pattern === undefined || whole(pattern).test(value) ? undefined : `must match ${pattern}`;
}

export function isPattern(text: string): boolean {
  try {
    whole(text);
    return true;
  } catch {
    return false;
  }
}

function whole(pattern: string): RegExp {
  return new RegExp(`^(?:${pattern})$`, "u");
}
