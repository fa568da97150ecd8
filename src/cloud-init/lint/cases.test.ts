/**
 * Whole documents: eighteen that install no usable node although most of them pass the installer's own schema, each
 * with its repaired twin, and good ones of every kind. `# aim:` in a document says what it is held against.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { formatFinding } from "../../errors.ts";
import { lintDocument } from "./lint.ts";
import { type Aim, firmwares } from "./subject.ts";
import { cases, machine } from "./test-documents.ts";

const named = (ending: string): string[] =>
  readdirSync(cases)
    .filter((file) => file.endsWith(ending))
    .map((file) => file.slice(0, -ending.length));

function aimOf(text: string): Aim {
  const words = /^# aim: (.*)$/m.exec(text)?.[1]?.split(" ") ?? [];
  const firmware = firmwares.find((each) => words.includes(each));
  return {
    release: "24.04",
    ...(firmware === undefined ? {} : { firmware }),
    ...(words.includes("machine") ? { machine } : {}),
  };
}

async function lintCase(file: string): Promise<string> {
  const text = readFileSync(join(cases, file), "utf8");
  const findings = await lintDocument(text, file, aimOf(text));
  return findings.map((finding) => `${formatFinding(finding)}\n`).join("");
}

describe("wrong, and the same repaired", () => {
  const wrong = named(".wrong.yaml");

  test("they are all there", () => {
    expect(wrong).toHaveLength(18);
    expect(named(".right.yaml")).toEqual(wrong);
  });
  test.each(wrong)("%s", async (name) => {
    const said = await lintCase(`${name}.wrong.yaml`);
    expect(said).toContain(": error: ");
    await expect(said).toMatchFileSnapshot(join(cases, `${name}.txt`));
    expect(await lintCase(`${name}.right.yaml`)).toBe("");
  });
});

describe("good documents raise no alarm", () => {
  test.each(named(".good.yaml"))("%s", async (name) => {
    expect(await lintCase(`${name}.good.yaml`)).toBe("");
  });
});
