/** Which imagectl this is, as its package says. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "./paths.ts";

const manifest = JSON.parse(readFileSync(join(packageRoot, "package.json"), "utf8")) as { version: string };

/** `0.1.0`. */
export const version: string = manifest.version;
