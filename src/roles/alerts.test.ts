/** Alert rules of a role: what becomes of them, and what is said about each thing that can be wrong. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { packageRoot } from "../paths.ts";
import { parseYamlFile } from "../yaml-file.ts";
import { parseAlerts } from "./alerts.ts";

const rules = `groups:
  - name: motd
    rules:
      - alert: GreetingStale
        expr: up{job="motd"} == 0 or on (instance) absent(last_over_time(motd_greetings_total{kind="morning"}[30d]))
        for: 2m
        labels: {severity: critical}
        annotations: {summary: "{{ $labels.instance }} is silent", action: look}
`;
const tests = `rule_files: [alerts.yaml]
tests:
  - interval: 1m
    alert_rule_test:
      - {eval_time: 5m, alertname: GreetingStale, exp_alerts: [{exp_labels: {}}]}
`;

function parse(sources: Readonly<Record<string, string>>) {
  const files = Object.entries(sources).map(([path, text]) => ({
    path,
    kind: "file" as const,
    text,
    isExecutable: false,
  }));
  return parseAlerts({ name: "motd", source: "roles/motd", files });
}

const change = (text: string, from: string, to: string): string => {
  expect(text).toContain(from);
  return text.replace(from, to);
};

test("a role without alerts has none", () => {
  expect(parse({})).toEqual({ groups: [], findings: [] });
});

test("a group becomes one entry of a list that says the same", () => {
  const { groups, findings } = parse({ "alerts.yaml": rules, "alerts.test.yaml": tests });
  expect(findings).toEqual([]);
  expect(groups.map(({ name }) => name)).toEqual(["motd"]);
  const read = (text: string) => parseYamlFile(text, "f.yaml").value;
  expect(read(`groups:\n${groups[0]?.text}\n`)).toEqual(read(rules));
});

test("docs/roles.md shows alerts that are good", () => {
  const page = readFileSync(join(packageRoot, "docs/roles.md"), "utf8");
  const [, shown = ""] = /```yaml\n(groups:\n[\s\S]*?)```/.exec(page) ?? [];
  expect(parse({ "alerts.yaml": shown, "alerts.test.yaml": tests }).findings).toEqual([]);
});

describe("each thing that is wrong has a place and a hint", () => {
  test.each<[string, string, string, string, string]>([
    ["an unknown key", change(rules, "for:", "four:"), tests, "alerts.yaml:6:9", "four"],
    ["no severity", change(rules, "severity", "level"), tests, "alerts.yaml:4", "groups.0.rules.0"],
    ["no way on", change(rules, ", action: look", ""), tests, "alerts.yaml:4", "groups.0.rules.0"],
    ["a number for a duration", change(rules, "2m", "2"), tests, "alerts.yaml:4", "groups.0.rules.0"],
    ["another role's name", change(rules, "motd", "ssh"), tests, "alerts.yaml:2:11", "its role's name"],
    ["a group twice", rules + rules.slice(8), tests, "alerts.yaml:9:11", "there twice"],
    ["no rule at all", "groups: []\n", tests, "alerts.yaml:1:1", "groups"],
    ["a test of another file", rules, change(tests, "alerts.yaml", "a.yaml"), "alerts.test.yaml:1:14", ""],
    [
      "an alert that never fires in a test",
      rules,
      change(tests, "[{exp_labels: {}}]", "[]"),
      "alerts.yaml:4:16",
      "no test in alerts.test.yaml sees GreetingStale fire",
    ],
  ])("%s", (_name, alerts, testFile, place, mentions) => {
    const { findings } = parse({ "alerts.yaml": alerts, "alerts.test.yaml": testFile });
    expect(findings.map(({ message }) => message).join("\n")).toContain(mentions);
    expect(findings[0]?.where).toContain(`roles/motd/${place}`);
    expect(findings[0]?.hint).not.toBe("");
  });

  test.each([
    ["rules without tests", "alerts.yaml", "alerts.test.yaml"],
    ["tests without rules", "alerts.test.yaml", "alerts.yaml"],
  ])("%s", (_name, there, missing) => {
    const { findings } = parse({ [there]: there === "alerts.yaml" ? rules : tests });
    expect(findings).toMatchObject([
      { where: `roles/motd/${there}:1:1`, message: expect.stringContaining(`there is no ${missing}`) },
    ]);
  });
});
