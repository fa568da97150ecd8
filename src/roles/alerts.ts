/** A role's alert rules: read, judged together with their tests, and made the text that Prometheus reads. */
import type { Finding } from "../errors.ts";
import { parseYamlFile, writeYaml, type YamlFile } from "../yaml-file.ts";
import { checkShape } from "../yaml-shape.ts";
import { AlertsYaml, AlertTestsYaml } from "./alerts-schema.ts";
import { roleFinding } from "./finding.ts";
import type { FolderFile, RoleFolder } from "./folder.ts";
import type { AlertGroup } from "./role.ts";

export const alertsFile = "alerts.yaml";
export const alertTestsFile = "alerts.test.yaml";

type ParsedAlerts = { readonly groups: readonly AlertGroup[]; readonly findings: readonly Finding[] };

/** @returns the groups, or every problem with its place. An alert that no test has seen fire is one. */
export function parseAlerts(folder: RoleFolder): ParsedAlerts {
  const find = (path: string) => folder.files.find((file) => file.path === path);
  const [rules, tests] = [find(alertsFile), find(alertTestsFile)];
  if (rules === undefined && tests === undefined) return { groups: [], findings: [] };
  if (rules === undefined || tests === undefined) {
    const [there, missing] =
      rules === undefined ? [alertTestsFile, alertsFile] : [alertsFile, alertTestsFile];
    const message = `there is no ${missing}: a rule and its test go together`;
    const hint = `Write ${folder.source}/${missing}. See docs/roles.md`;
    return { groups: [], findings: [roleFinding(`${folder.source}/${there}:1:1`, message, hint)] };
  }
  const rulesYaml = read(folder, rules);
  const shape = checkShape(rulesYaml, AlertsYaml);
  const testShape = checkShape(read(folder, tests), AlertTestsYaml);
  const findings = [...shape.findings, ...testShape.findings];
  if (shape.value === undefined || testShape.value === undefined) return { groups: [], findings };
  const judged = judgeAlerts(rulesYaml, shape.value, { role: folder.name, tests: testShape.value });
  return { groups: shape.value.groups.map(toGroup), findings: [...findings, ...judged] };
}

function read(folder: RoleFolder, file: FolderFile): YamlFile {
  return parseYamlFile(file.text ?? "", `${folder.source}/${file.path}`);
}

function toGroup(group: AlertsYaml["groups"][number]): AlertGroup {
  return { name: group.name, text: writeYaml([group]).trimEnd() };
}

function judgeAlerts(
  file: YamlFile,
  { groups }: AlertsYaml,
  { role, tests }: { readonly role: string; readonly tests: AlertTestsYaml },
): Finding[] {
  const fired = new Set(
    tests.tests
      .flatMap((test) => test.alert_rule_test)
      .filter((test) => test.exp_alerts.length > 0)
      .map((test) => test.alertname),
  );
  const names = groups.map((group) => group.name);
  return groups.flatMap((group, index) => [
    ...(group.name === role || group.name.startsWith(`${role}-`)
      ? []
      : [
          roleFinding(
            file.where(["groups", index, "name"]),
            `the group ${group.name} does not carry its role's name, and names meet in one file`,
            `Call it ${role}, or ${role}-something`,
          ),
        ]),
    ...(names.indexOf(group.name) === index
      ? []
      : [
          roleFinding(
            file.where(["groups", index, "name"]),
            `the group ${group.name} is there twice`,
            "Merge the two, or rename one.",
            "DUPLICATE",
          ),
        ]),
    ...group.rules.flatMap((rule, at) =>
      !("alert" in rule) || fired.has(rule.alert)
        ? []
        : [
            roleFinding(
              file.where(["groups", index, "rules", at, "alert"]),
              `no test in ${alertTestsFile} sees ${rule.alert} fire`,
              `Add one with alertname: ${rule.alert} and exp_alerts; try it with: promtool test rules ${alertTestsFile}`,
            ),
          ],
    ),
  ]);
}
