import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { errorCodes } from "./error-codes.ts";

const codes = Object.entries(errorCodes);

test("docs/errors.md lists every code and no other (npm run docs writes it)", async () => {
  const rows = codes.map(([code, meaning]) => `| \`${code}\` | ${meaning} |`);
  const page = [
    "# Error codes",
    "",
    "Generated from `src/error-codes.ts` by `npm run docs`. Each error that imagectl prints carries one of these",
    "codes, says what happened, and gives a hint: the command or setting to try next.",
    "",
    "| code | meaning |",
    "|---|---|",
    ...rows,
    "",
  ].join("\n");
  await expect(page).toMatchFileSnapshot("../docs/errors.md");
});

test("codes stand in alphabetical order, and each says what it means", () => {
  expect(codes.map(([code]) => code)).toEqual(codes.map(([code]) => code).sort());
  for (const [code, meaning] of codes) {
    expect(code).toMatch(/^[A-Z][A-Z0-9_]+$/);
    expect(meaning).toMatch(/^[A-Z].{20,}\.$/);
  }
});

test("every code is thrown or reported somewhere", () => {
  const sources = readdirSync(import.meta.dirname, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts") && file !== "error-codes.ts")
    .map((file) => readFileSync(join(import.meta.dirname, file), "utf8"))
    .join("\n");
  expect(codes.map(([code]) => code).filter((code) => !sources.includes(`"${code}"`))).toEqual([]);
});
