import { join } from "node:path";
import { expect, test } from "vitest";
import { packageRoot } from "../src/paths.ts";
import { readRoleCatalogue } from "../src/roles/read.ts";
import { missingProofs, readRequirements, requirementsPage } from "./support/requirements.ts";

const requirements = readRequirements(join(import.meta.dirname, "requirements.yaml"));
const shownAs = "templates/roles";
const roles = await readRoleCatalogue([{ directory: join(packageRoot, shownAs), shownAs }]);

test("docs/requirements.md has a row for each requirement (npm run docs writes it)", async () => {
  expect(requirements).toHaveLength(54);
  await expect(requirementsPage(requirements, roles)).toMatchFileSnapshot("../docs/requirements.md");
});

test("every check, test and alert that shows a requirement is there", () => {
  expect(missingProofs(requirements, roles)).toEqual([]);
});

test("a requirement has something that shows it, or says what is missing", () => {
  const bare = requirements.filter(
    ({ checks, tests, alerts, open }) =>
      open === undefined && Object.keys({ ...checks, ...tests, ...alerts }).length === 0,
  );
  expect(bare).toEqual([]);
});

test("a name that is nowhere is told", () => {
  const wrong = { checks: { sshd: ["no such check"] }, tests: { "vm-tests/none.test.ts": ["none"] } };
  const alerts = { sshd: ["NoSuchAlert"] };
  expect(missingProofs([{ requirement: "anything", ...wrong, alerts }], roles)).toEqual([
    "sshd: no such check",
    "sshd: NoSuchAlert",
    "vm-tests/none.test.ts: none",
  ]);
});
