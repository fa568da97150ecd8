/** Reads the script that loads the deploy environment beside a running system, once, when the server starts. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../paths.ts";

export function readKexecScript(): string {
  return readFileSync(join(packageRoot, "templates/restart/kexec.sh"), "utf8");
}
