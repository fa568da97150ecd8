/** The bastion's own view: checks run where imagectl runs. */
import type { RunAt } from "./report.ts";
import { runThrough } from "./run-framed.ts";

/** @param environment what checks from the bastion may rely on, such as where the known hosts are. */
export function localVantage(environment: Readonly<Record<string, string>>): RunAt {
  return runThrough("the bastion", ["sh"], environment);
}
