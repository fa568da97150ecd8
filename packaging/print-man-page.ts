/** Prints the man page: from the commands themselves. Argument: the date on it, in seconds since 1970. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { loadCommands } from "../src/cli/main.ts";
import { formatManPage } from "../src/cli/man-page.ts";
import { packageRoot } from "../src/paths.ts";

const { version } = JSON.parse(readFileSync(join(packageRoot, "package.json"), "utf8")) as {
  version: string;
};
const day = { year: "numeric", month: "long", day: "numeric", timeZone: "UTC" } as const;
const date = new Intl.DateTimeFormat("en-US", day).format(Number(process.argv[2]) * 1000);
process.stdout.write(formatManPage(await loadCommands(), { version, date }));
