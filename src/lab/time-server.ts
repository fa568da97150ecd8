/** The clock of a lab's bastion: a chronyd that answers whoever asks and never moves this host's own clock. */
import { ImagectlError } from "../errors.ts";
import { dyingWithUs, type Namespace } from "../namespace.ts";
import { type StartedProcess, start } from "../run.ts";

/** How long chronyd may take to listen. Milliseconds. Our choice: it takes some ten on an idle machine. */
const startTimeoutMs = 15_000;

/**
 * The folder of chronyd's socket is the namespace's own, and so is the socket that chronyc finds there.
 * -x: the clock is only looked at, chronyd(8). Directives instead of a file: chrony.conf(5).
 */
const script = `mkdir -p /run/chrony && mount -t tmpfs -o mode=750 chrony /run/chrony &&
  exec chronyd -x -d -u root 'local stratum 10' 'allow' 'cmdport 0' 'pidfile /run/chrony/chronyd.pid'`;

/**
 * Starts it in a namespace; it ends with this process.
 * @throws ImagectlError LAB_BOOT_FAILED with what chronyd said.
 */
export async function startTimeServer(place: Namespace): Promise<StartedProcess> {
  const said: string[] = [];
  let isReady = false;
  const ready = Promise.withResolvers<void>();
  const [program, ...words] = [...dyingWithUs, ...place.enter, "sh", "-c", script];
  const server = start(program, words, {
    onLine: (line) => {
      said.push(line);
      isReady ||= /\bchronyd version \S+ starting\b/.test(line);
      if (isReady) ready.resolve();
    },
  });
  const timer = setTimeout(ready.resolve, startTimeoutMs);
  await Promise.race([ready.promise, server.exited]);
  clearTimeout(timer);
  if (isReady) return server;
  server.stop("SIGKILL");
  await server.exited;
  throw new ImagectlError("LAB_BOOT_FAILED", `the lab's bastion serves no time: ${said.join(" / ")}`, {
    hint: "It needs chronyd: apt-get install chrony",
  });
}
