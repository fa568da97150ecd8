/** What serve owes the service manager that started it: to say that it is ready. */
import { run } from "../run.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** systemd sets it for a unit of Type=notify (sd_notify(3)). */
const socketVariable = "NOTIFY_SOCKET";

/**
 * Tells systemd that the service is ready; nothing where none waits. Node opens no Unix datagram socket, and
 * systemd-notify speaks in the name of the process that started it.
 * @throws ImagectlError COMMAND_FAILED.
 */
export async function sayReady(environment: Environment): Promise<void> {
  if (environment[socketVariable] === undefined) return;
  await run("systemd-notify", ["--ready"], { hint: "systemd waits for this: journalctl -u imagectl" });
}
