/** Every role's alert rules, judged by Prometheus' own tool: that they parse, and when they fire. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { packageRoot } from "../../src/paths.ts";
import { run } from "../../src/run.ts";

const roles = join(packageRoot, "templates/roles");
const withAlerts = readdirSync(roles).filter((role) => existsSync(join(roles, role, "alerts.yaml")));

test.for(withAlerts)("%s: promtool takes the rules, and each of their tests holds", async (role) => {
  const folder = join(roles, role);
  const codes = { okExitCodes: [0, 1], timeoutMs: 180_000 };
  const checked = await run("promtool", ["check", "rules", join(folder, "alerts.yaml")], codes);
  expect(checked, checked.stdout + checked.stderr).toMatchObject({ exitCode: 0 });
  const tested = await run("promtool", ["test", "rules", join(folder, "alerts.test.yaml")], codes);
  expect(tested, tested.stdout + tested.stderr).toMatchObject({ exitCode: 0 });
});
