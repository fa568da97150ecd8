/** The form in which a report is asked for: what every command that shows one takes, in one place. */
import { ImagectlError } from "../errors.ts";
import { terminalText } from "../terminal-text.ts";
import { reportJunit } from "../verify/junit.ts";
import type { Report } from "../verify/report.ts";
import { reportJson, reportTable } from "../verify/show-report.ts";

/**
 * @param values the options of that name.
 * @throws ImagectlError USAGE for two forms.
 */
export function formOf<Form extends string>(
  values: { readonly [Option in Form]?: boolean | undefined },
  forms: readonly Form[],
): Form | "table" {
  const [form, ...others] = forms.filter((option) => values[option] === true);
  if (others.length === 0) return form ?? "table";
  throw new ImagectlError("USAGE", "a report has one form", {
    hint: `Choose one of ${[form, ...others].map((option) => `--${option}`).join(" and ")}.`,
  });
}

/** @returns the whole text, with its last line feed. */
export function showReport(report: Report, form: "json" | "junit" | "table"): string {
  switch (form) {
    case "json":
      return `${reportJson(report)}\n`;
    case "junit":
      return reportJunit(report);
    case "table":
      return terminalText(reportTable(report));
    default:
      return form satisfies never;
  }
}
