import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { packageRoot } from "../paths.ts";
import { exampleResult } from "./example-report.ts";
import type { CheckResult } from "./report.ts";
import { reportPage } from "./report-page.ts";

const template = readFileSync(join(packageRoot, "templates/report/report.html.hbs"), "utf8");

const result = (role: string, more: Partial<CheckResult>) => exampleResult({ role, name: "a claim" }, more);

const page = (results: readonly CheckResult[], isReady = true): string =>
  reportPage({
    report: { node: "node1", startedAt: "2026-01-01T00:00:00.000Z", results, isReady },
    facts: [{ name: "machine", value: "Model <1> & more" }],
    template,
    printedAt: "2026-01-02T00:00:00.000Z",
  });

test("a page says what was checked, from where, what was expected and what was found", () => {
  const answer = { exitCode: 255, stdout: "", stderr: "refused <no>" };
  const text = page([result("doors", { outcome: "red", reason: "expected exit 0", answer })], false);
  expect(text).toContain('<span class="verdict red">not ready</span>');
  expect(text).toMatch(
    /<tr><td>a claim<\/td><td>node<\/td><td class="mono">exit 0<\/td><td class="mono">expected exit 0\nexit 255\nstderr: refused &lt;no&gt;<\/td><td class="outcome red">red<\/td><td class="seconds">0\.3<\/td><\/tr>/,
  );
  expect(text).toContain("<dt>machine</dt><dd>Model &lt;1&gt; &amp; more</dd>");
});

test("roles have a table each, in the order of the checks", () => {
  const text = page([result("one", {}), result("two", {}), result("one", {})]);
  expect([...text.matchAll(/<h2>(.*)<\/h2>/g)].map((match) => match[1])).toEqual(["one", "two"]);
  expect(text.match(/<tr><td>/g)).toHaveLength(3);
});

test("a red check that is no gate is a warning, and one that cannot be run here says so", () => {
  const check = { ...result("one", {}).check, gate: false };
  const text = page([
    result("one", { outcome: "red", check }),
    result("one", { outcome: "not-applicable", reason: "needs hardware-gpu" }),
  ]);
  expect(text).toContain('<td class="outcome warning">warning</td>');
  expect(text).toContain('<td class="outcome not-applicable">not applicable</td>');
});

test("the page loads nothing from elsewhere", () => {
  expect(page([result("one", {})])).not.toMatch(/(src|href)=|@import|url\(|https?:/);
});
