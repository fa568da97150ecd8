/** The outsider: a machine on the nodes' network that they must refuse, made of a namespace of the bastion. */
import { ImagectlError } from "../errors.ts";
import { run, type StartedProcess, start } from "../run.ts";
import type { RunAt } from "./report.ts";
import { runThrough } from "./run-framed.ts";

export type OutsiderSettings = {
  /** The bastion's interface towards the nodes. */
  readonly interface: string;
  /** Reserved for this in the cluster file. */
  readonly address: string;
  readonly prefixLength: number;
};

export type Outsider = {
  readonly runAt: RunAt;
  /** Ends it: the kernel removes namespace and interface with their last process. */
  close(): Promise<void>;
};

/**
 * Makes a network namespace with a macvlan interface on the bastion's own, so that the outsider has a MAC and
 * an address of its own. Nothing has a name on the host and nothing else is touched: the namespace is held by
 * one sleeping process, which ends with this one (PR_SET_PDEATHSIG), and takes all of it along.
 * @throws ImagectlError COMMAND_FAILED when the interface cannot carry a macvlan, or without root.
 */
export async function openOutsider(settings: OutsiderSettings): Promise<Outsider> {
  const holder = start("setpriv", ["--pdeathsig", "KILL", "unshare", "--net", "sleep", "infinity"], {
    onLine: () => {},
  });
  const enter = ["nsenter", "--target", String(holder.pid), "--net"] as const;
  try {
    await untilOwnNetwork(holder);
    const link = `imo${holder.pid}`;
    const hint = `Check that ${settings.interface} exists and is no bridge port: ip -d link show ${settings.interface}`;
    await run(
      "ip",
      ["link", "add", "link", settings.interface, "name", link, "type", "macvlan", "mode", "bridge"],
      {
        hint,
      },
    );
    await run("ip", ["link", "set", "dev", link, "netns", String(holder.pid)]);
    const inside = [
      ["link", "set", "dev", "lo", "up"],
      ["link", "set", "dev", link, "name", "outside0"],
      ["address", "add", `${settings.address}/${settings.prefixLength}`, "dev", "outside0"],
      ["link", "set", "dev", "outside0", "up"],
    ];
    for (const words of inside) await run(enter[0], [...enter.slice(1), "ip", ...words]);
  } catch (error) {
    await close(holder);
    throw error;
  }
  return { runAt: runThrough("the outsider", [...enter, "sh"]), close: () => close(holder) };
}

async function close(holder: StartedProcess): Promise<void> {
  holder.stop("SIGKILL");
  await holder.exited;
}

/** unshare(1) says nothing when it is done: the namespace differs from ours once it is. */
async function untilOwnNetwork(holder: StartedProcess): Promise<void> {
  const script = `i=0; until [ "$(readlink /proc/${holder.pid}/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do
i=$((i + 1)); [ $i -lt 100 ] || exit 1; sleep 0.05; done`;
  const { exitCode } = await run("sh", ["-c", script], { okExitCodes: [0, 1] });
  if (exitCode === 0) return;
  throw new ImagectlError("VANTAGE_UNREACHABLE", "the outsider's network namespace was not made within 5 s", {
    hint: "imagectl needs root for it. Try: unshare --net true",
  });
}
