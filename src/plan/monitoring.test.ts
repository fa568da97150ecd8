/** What is watched of a cluster: every machine of every role that says so, and rules of roles that are in use. */
import { expect, test } from "vitest";
import { checkPlans, type PlanInput, planNode } from "./make.ts";
import { clusterText, input } from "./test-cluster.ts";

const exporter = {
  "role.yaml": `summary: shows numbers
scrapes: [{job: numbers, port: 9100}, {job: moods, port: 9101, path: /m}]
firewall:
  - {direction: in, protocol: tcp, port: 9100, peer: bastion, comment: numbers}
  - {direction: in, protocol: tcp, port: 9101, peer: bastion, comment: moods}
`,
  "alerts.yaml": `groups:
  - name: exporter
    rules:
      - {alert: Silent, expr: "up == 0", labels: {severity: critical}, annotations: {summary: s, action: a}}
`,
  "alerts.test.yaml":
    "rule_files: [alerts.yaml]\ntests: [{alert_rule_test: [{alertname: Silent, exp_alerts: [{}]}]}]\n",
};
const watcher = {
  "role.yaml": "summary: watches\n",
  "files/etc/targets.hbs":
    "{{#each all.scrapes}}\n{{hostname}} {{fqdn}} {{address}}:{{port}}{{path}} {{job}} {{group}} {{role}}\n{{/each}}\n",
  "files/etc/rules.hbs": "groups:\n{{#each all.alerts}}\n# {{role}}\n{{text}}\n{{/each}}\n",
};
const folders = { exporter, watcher, zero: { "role.yaml": "summary: nothing\n" } };
const text = clusterText
  .replace("roles: [hello, zero]\n    params: {hello: {word: hi}}", "roles: [exporter, watcher]")
  .replace("roles: [zero, hello], params: {hello: {word: hi}}", "roles: [zero]");

const content = (path: string, cluster = text): string | undefined =>
  planNode(input(folders, cluster), "node1").node.files.find((file) => file.path === path)?.content;

const problems = (planInput: PlanInput): string =>
  checkPlans(planInput)
    .map(({ message }) => message)
    .join("\n");

test("every machine whose group has the role is asked, by address and job, and no other", () => {
  expect(content("/etc/targets")).toBe(`node1 node1.cluster 10.77.0.11:9101/m moods gpu exporter
node1 node1.cluster 10.77.0.11:9100/metrics numbers gpu exporter
node2 node2.cluster 10.77.0.12:9101/m moods gpu exporter
node2 node2.cluster 10.77.0.12:9100/metrics numbers gpu exporter
`);
});

test("a bastion with a group of its own is asked as well", () => {
  const withBastion = text
    .replace("interface: eth1}", "interface: eth1, group: desk}")
    .replace("groups:\n", "groups:\n  desk: {os: debian-12, method: none, roles: [exporter]}\n");
  expect(content("/etc/targets", withBastion)).toContain("bastion bastion.cluster 10.77.0.1:9100/metrics");
});

test("rules of a role are there once, and those of a group without machines are not", () => {
  expect(content("/etc/rules")).toContain("# exporter\n- name: exporter\n  rules:\n    - alert: Silent\n");
  const unused = text.replaceAll(/group: cpu/g, "group: gpu").replace("roles: [zero]", "roles: [other]");
  const other = {
    ...exporter,
    "role.yaml": "summary: o\n",
    "alerts.yaml": exporter["alerts.yaml"].replace("name: exporter", "name: other"),
  };
  const files = planNode(input({ ...folders, other }, unused), "node1").node.files;
  const rules = files.find(({ path }) => path === "/etc/rules")?.content ?? "";
  expect(rules.match(/alert:/g)).toHaveLength(1);
});

test("two roles of a group cannot own one scrape, and a scrape needs an open port", () => {
  const twin = { "role.yaml": exporter["role.yaml"].replaceAll("910", "920").replace("moods", "sums") };
  const both = text.replace("[exporter, watcher]", "[exporter, watcher, twin]");
  expect(problems(input({ ...folders, twin }, both))).toContain("the scrape numbers");
  const shut = { "role.yaml": "summary: s\nscrapes: [{job: numbers, port: 9}]\n" };
  expect(problems(input({ ...folders, shut }))).toContain("nothing lets Prometheus in to port 9");
});
