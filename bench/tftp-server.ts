/** One TFTP server for bench/tftp.ts. Usage: node bench/tftp-server.ts ours|npm ADDRESS DIRECTORY FILE. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { serveTftp } from "../src/pxe/tftp/server.ts";
import { openTftpSocket } from "../src/pxe/tftp/socket.ts";

const [kind, address, directory, file] = process.argv.slice(2) as [string, string, string, string];
if (kind === "ours") {
  serveTftp(await openTftpSocket(address, 69), {
    files: new Map([[file, { bytes: readFileSync(join(directory, file)), maxBlockBytes: 1468 }]]),
    openTransferSocket: () => openTftpSocket(address, 0),
    maxTransfers: 512,
    monotonicMs: () => performance.now(),
    log: () => {},
  });
} else {
  const { createServer } = createRequire(import.meta.url)("tftp") as {
    createServer(options: object): {
      on(event: string, listener: (error: Error) => void): void;
      listen(): void;
    };
  };
  const server = createServer({ host: address, port: 69, root: directory, denyPUT: true });
  server.on("error", (error) => process.stderr.write(`${error.message}\n`));
  server.listen();
}
