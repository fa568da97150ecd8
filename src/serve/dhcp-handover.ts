/** How serve gets its DHCP sockets: it replaces itself by a small program that opens them and starts serve again. */
import { join } from "node:path";
import { ImagectlError } from "../errors.ts";
import { packageRoot } from "../paths.ts";

/** Says that descriptors 3 and 4 are the sockets; set only across the exec. */
const handoverVariable = "IMAGECTL_DHCP_SOCKETS";

/**
 * Returns when the sockets are there. The first time it does not return at all: the process goes on as
 * bin/open-dhcp-sockets, which ends with the reason or comes back here (execve(2) keeps descriptors and pid).
 */
export function takeDhcpSockets(interfaceName: string): void {
  if (process.env[handoverVariable] === interfaceName) {
    // A child must not believe that it has them.
    delete process.env[handoverVariable];
    return;
  }
  if (process.execve === undefined) {
    throw new ImagectlError("COMMAND_FAILED", "this Node has no process.execve", {
      hint: "Start the server by bin/imagectl, which brings its own Node.",
    });
  }
  const opener = join(packageRoot, "bin/open-dhcp-sockets");
  const again = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  process.execve("/usr/bin/perl", ["perl", opener, interfaceName, "--", ...again], {
    ...process.env,
    [handoverVariable]: interfaceName,
  });
}
