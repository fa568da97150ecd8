/**
 * A process that serves artefacts and nothing else: bulk bytes must not share an event loop with DHCP and TFTP.
 * Usage: node artefact-worker.ts BLOB_DIRECTORY ADDRESS PORT. Prints `listening` once it does, and
 * `missing SHA256 CLIENT` for each request for an artefact that is not there.
 */
import { createServer } from "node:http";
import { artefactListener } from "./artefacts.ts";

/** The account `nobody` and its group: the store is readable by everybody and this process writes nothing. */
const unprivileged = { uid: 65534, gid: 65534 } as const;
/** A client that takes nothing for so long is gone. Milliseconds. Our choice: a node whose disk stalls takes less. */
const stalledMs = 60_000;
/** Milliseconds. Requests are one line and a few headers. */
const headersMs = 10_000;
const parentCheckMs = 1_000;

const [blobDirectory, address, port] = process.argv.slice(2);
if (blobDirectory === undefined || address === undefined || port === undefined) {
  process.stderr.write("usage: artefact-worker BLOB_DIRECTORY ADDRESS PORT\n");
  process.exit(64);
}

// Blobs are opened relative to the folder that is open already: the account below need not be able to walk there.
process.chdir(blobDirectory);
if (process.getuid?.() === 0) {
  process.setgroups?.([]);
  process.setgid?.(unprivileged.gid);
  process.setuid?.(unprivileged.uid);
}

const server = createServer(
  { headersTimeout: headersMs, requestTimeout: headersMs, keepAliveTimeout: headersMs },
  artefactListener({
    pathOf: (sha256) => sha256,
    onMissing: (sha256, client) => process.stdout.write(`missing ${sha256} ${client}\n`),
    log: (message) => process.stderr.write(`${message}\n`),
  }),
);
// Without a listener for it, Node closes the connection of a client that stalled.
server.setTimeout(stalledMs);
server.on("error", (error) => {
  process.stderr.write(`cannot listen on ${address}:${port}: ${error.message}\n`);
  process.exit(1);
});
// reusePort: the kernel spreads connections over all workers that listen here (SO_REUSEPORT, socket(7)).
server.listen({ host: address, port: Number(port), reusePort: true }, () => {
  process.stdout.write("listening\n");
});
process.once("SIGTERM", () => {
  server.close();
  server.closeAllConnections();
});
// When the server that started us was killed, its successor starts workers of its own: this one takes no more
// requests, but a node's stream of a root filesystem goes on to its end. (PR_SET_PDEATHSIG would say so at once,
// but the kernel clears it when the account changes.)
const parent = process.ppid;
const parentCheck = setInterval(() => {
  if (process.ppid === parent) return;
  clearInterval(parentCheck);
  server.close(() => process.exit(0));
}, parentCheckMs).unref();
