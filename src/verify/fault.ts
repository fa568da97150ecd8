/** A check's fault as two scripts: one that breaks what the check claims, one that puts it right again. */
import type { Fault, Vantage } from "../roles/role.ts";
import { shellQuote } from "../shell.ts";

export type FaultScripts = {
  /** Where both run. */
  readonly at: Vantage;
  readonly inject: string;
  readonly undo: string;
};

/** Not beside the file: a copy in a folder such as sudoers.d would be configuration itself. */
const keptFile = "/run/imagectl-fault/file";

/**
 * A removed or appended file is copied aside with owner, mode and times, and put back from there. Both fail
 * (exit 1) where the file is missing: a fault that breaks nothing would prove nothing.
 */
export function faultScripts(fault: Fault): FaultScripts {
  switch (fault.kind) {
    case "remove":
      return {
        at: "node",
        inject: `${keep(fault.path)} && rm ${shellQuote(fault.path)}`,
        undo: restore(fault.path),
      };
    case "append":
      return {
        at: "node",
        inject: `${keep(fault.path)} && printf '%s' ${shellQuote(fault.text)} >> ${shellQuote(fault.path)}`,
        undo: restore(fault.path),
      };
    case "run":
      return { at: fault.at, inject: fault.run, undo: fault.undo };
    default:
      return fault satisfies never;
  }
}

function keep(path: string): string {
  return `mkdir -p -m 0700 /run/imagectl-fault && test -e ${shellQuote(path)} && cp -a ${shellQuote(path)} ${keptFile}`;
}

function restore(path: string): string {
  return `cp -a --remove-destination ${keptFile} ${shellQuote(path)} && rm ${keptFile}`;
}
