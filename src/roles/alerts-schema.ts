/** The shape of `alerts.yaml` and of what its `alerts.test.yaml` must have. docs/roles.md describes both for people. */
import { z } from "zod";
import { described, Sentence } from "./words.ts";

const Duration = z
  .string()
  .regex(/^([0-9]+(ms|[smhdwy]))+$/, "expected a duration such as 2m or 1h30m (Prometheus' syntax)");
const LabelName = z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, "expected the name of a label");
const Expression = z.string().regex(/\S/, "expected an expression (PromQL)");

const Alert = z.strictObject({
  alert: described(
    z.string().regex(/^[A-Z][A-Za-z0-9]*$/, "expected a name such as NodeDown"),
    "its name, such as NodeDown",
  ),
  expr: described(Expression, "PromQL; what it returns is wrong"),
  for: described(Duration.optional(), "how long it must be wrong, such as 2m"),
  labels: described(
    z
      .object({ severity: z.enum(["critical", "warning", "info", "none"]) })
      .catchall(z.string())
      .refine((labels) => Object.keys(labels).every((name) => LabelName.safeParse(name).success), {
        error: "a label is a word",
      }),
    "{severity: critical | warning | info | none}, and others; info is news: told once, and not when it is over",
  ),
  annotations: described(
    z.strictObject({
      summary: described(Sentence, "what is wrong, in one line; {{ $labels.instance }} names the machine"),
      action: described(Sentence, "what to do next: a command or a place to look"),
    }),
    "{summary: …, action: …}",
  ),
});

/** A series that other rules and dashboards read. */
const Record = z.strictObject({
  record: described(
    z.string().regex(/^[a-zA-Z_:][a-zA-Z0-9_:]*$/, "expected a name"),
    "the new series' name",
  ),
  expr: described(Expression, "PromQL"),
  labels: described(z.record(LabelName, z.string()).optional(), "labels that it gets"),
});

export const AlertsYaml = z.strictObject({
  groups: described(
    z
      .array(
        z.strictObject({
          name: described(Sentence, "the role's name, or role-something"),
          interval: described(Duration.optional(), "how often; Prometheus' own without it"),
          rules: described(z.array(z.union([Alert, Record])).min(1), "alert: or record: rules"),
        }),
      )
      .min(1),
    "groups of rules, as Prometheus reads them",
  ),
});
export type AlertsYaml = z.output<typeof AlertsYaml>;

/** The rest of it is promtool's, which is strict. */
export const AlertTestsYaml = z.looseObject({
  rule_files: described(
    z.tuple([z.literal("alerts.yaml")], "expected [alerts.yaml]"),
    "[alerts.yaml]: the file beside it",
  ),
  tests: described(
    z.array(
      z.looseObject({
        alert_rule_test: z
          .array(z.looseObject({ alertname: z.string(), exp_alerts: z.array(z.unknown()).default([]) }))
          .default([]),
      }),
    ),
    "promtool's unit tests",
  ),
});
export type AlertTestsYaml = z.output<typeof AlertTestsYaml>;
