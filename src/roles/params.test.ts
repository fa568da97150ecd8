/** Values of parameters against their schema. */
import { expect, test } from "vitest";
import { sha256 } from "../digest.ts";
import { complainAboutValue } from "./params.ts";
import type { ParamSchema } from "./role.ts";

const digest = sha256("");
const fileForm = "must be {path: FILE, sha256: DIGEST}; the digest: sha256sum FILE";
const rest = { default: "", description: "" };

test.each<[string, Omit<ParamSchema, "default" | "description">, unknown, string | undefined]>([
  ["a text", { type: "string" }, "x", undefined],
  ["a number for a text", { type: "string" }, 1, "must be a string"],
  ["nothing for a text", { type: "string" }, null, "must be a string"],
  [
    "a line end in a text",
    { type: "string" },
    "a\nPermitRootLogin yes",
    "must not have line ends or other control characters",
  ],
  ["an integer", { type: "integer" }, 5, undefined],
  ["a fraction", { type: "integer" }, 5.5, "must be an integer"],
  ["a number as a text", { type: "integer" }, "5", "must be an integer"],
  ["a boolean", { type: "boolean" }, false, undefined],
  ["a word for a boolean", { type: "boolean" }, "yes", "must be a boolean"],
  ["one of the words", { type: "string", enum: ["a", "b"] }, "b", undefined],
  ["none of the words", { type: "string", enum: ["a", "b"] }, "c", "must be one of a, b"],
  ["a list", { type: "array", items: { type: "integer" } }, [1, 2], undefined],
  ["an empty list", { type: "array", items: { type: "integer" } }, [], undefined],
  ["a wrong element", { type: "array", items: { type: "integer" } }, [1, "2"], "[1] must be an integer"],
  [
    "an element outside the enum",
    { type: "array", items: { type: "string" }, enum: ["a"] },
    ["a", "b"],
    "[1] must be one of a",
  ],
  ["a text of the form", { type: "string", pattern: "a|bb" }, "bb", undefined],
  ["a text that only begins in the form", { type: "string", pattern: "a|bb" }, "ab", "must match a|bb"],
  [
    "a line end after a text of the form",
    { type: "string", pattern: "a" },
    "a\n",
    "must not have line ends or other control characters",
  ],
  [
    "an element of another form",
    { type: "array", items: { type: "string" }, pattern: "[a-z]+" },
    ["a", "B"],
    "[1] must match [a-z]+",
  ],
  ["a file", { type: "file" }, { path: "a.sh", sha256: digest }, undefined],
  ["a file's path alone", { type: "file" }, "a.sh", fileForm],
  ["a file without a digest", { type: "file" }, { path: "a.sh" }, fileForm],
  ["a file with more", { type: "file" }, { path: "a.sh", sha256: digest, mode: 0o755 }, fileForm],
  ["a file with a line end in its path", { type: "file" }, { path: "a\nb", sha256: digest }, fileForm],
  [
    "a file with another kind of digest",
    { type: "file" },
    { path: "a.sh", sha256: "d41d8cd98f00b204e9800998ecf8427e" },
    "has a sha256 that is not 64 lower-case hexadecimal digits",
  ],
  ["no list", { type: "array", items: { type: "string" } }, "a", "must be a list"],
])("%s", (_name, schema, value, complaint) => {
  expect(complainAboutValue({ ...schema, ...rest }, value)).toBe(complaint);
});
