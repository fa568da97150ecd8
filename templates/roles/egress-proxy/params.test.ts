/** What the cluster file can put into squid's list of names: names, and nothing else that squid would read there. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { complainAboutValue } from "../../../src/roles/params.ts";
import { readRoleCatalogue } from "../../../src/roles/read.ts";
import type { ParamSchema } from "../../../src/roles/role.ts";

const directory = join(import.meta.dirname, "..");
const catalogue = await readRoleCatalogue([{ directory, shownAs: "templates/roles" }]);
const allow = catalogue.role("egress-proxy", "debian-12")?.params.allow as ParamSchema;

test.each([
  ["a name", "pypi.org"],
  ["a name and all below it", ".files.pythonhosted.org"],
  ["a name in another script", "xn--bcher-kva.example"],
])("%s is taken", (_what, value) => {
  expect(complainAboutValue(allow, [value])).toBeUndefined();
});

test.each([
  ["an address", "192.0.2.1"],
  ["a URL", "https://pypi.org"],
  ["a pattern", "*.pypi.org"],
  ["a whole top", ".org"],
  ["a machine of this network", "localhost"],
  ["two names", "pypi.org example.org"],
  ["a file", '"/etc/squid/nodes"'],
])("%s is refused", (_what, value) => {
  expect(complainAboutValue(allow, [value])).toContain(`must match ${allow.pattern}`);
});
