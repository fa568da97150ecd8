/** Reads templates/boot once, when the server starts: a missing file stops it then and not at a node's boot. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../paths.ts";
import type { BootTemplates } from "./script.ts";

export function readBootTemplates(): BootTemplates {
  const read = (name: string): string => readFileSync(join(packageRoot, "templates/boot", name), "utf8");
  return {
    deploy: read("deploy.ipxe.hbs"),
    localDisk: read("local-disk.ipxe.hbs"),
    refused: read("refused.ipxe.hbs"),
    tryAgain: read("try-again.ipxe.hbs"),
  };
}
