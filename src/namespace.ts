/** Network namespaces that cannot be left behind: each is held by one sleeping process of ours, and has no name. */
import { ImagectlError } from "./errors.ts";
import { run, start } from "./run.ts";

export type Namespace = {
  /** The process that holds it; the kernel removes namespace and interfaces after its last process. */
  readonly pid: number;
  /** Words that run the command after them inside: its network, its mounts, its host name. */
  readonly enter: readonly [string, ...string[]];
  /** Sets it up: `ip` with these words, inside. */
  ip(...words: readonly string[]): Promise<void>;
  close(): Promise<void>;
};

/** How long the kernel may take to make one. Milliseconds. Our choice: it takes some ten on an idle machine. */
const openTimeoutMs = 15_000;

/**
 * Runs a program so that it dies with us, even when we are killed: prctl(2) PR_SET_PDEATHSIG.
 * The program keeps the pid of the words, since each of them replaces itself by the next.
 */
export const dyingWithUs = ["setpriv", "--pdeathsig", "KILL"] as const;

/**
 * Makes a namespace with its loopback up.
 * @param name its host name, and what an error calls it.
 * @param options.isolation: a `machine` has a host name and mounts of its own too, with /sys showing its own
 *   interfaces, as `ip netns exec` does it, so that nothing mounted there is seen on the host. With `interfaces` it shares
 *   those with us, and needs fewer rights, which a service may well lack.
 * @throws ImagectlError NAMESPACE_FAILED, mostly for want of root.
 */
export async function openNamespace(
  name: string,
  options: { readonly isolation: "machine" | "interfaces" } = { isolation: "machine" },
): Promise<Namespace> {
  const isMachine = options.isolation === "machine";
  const kinds = isMachine ? (["--net", "--mount", "--uts"] as const) : (["--net"] as const);
  const asMachine = isMachine ? 'mount -t sysfs sysfs /sys && hostname "$0" && ' : "";
  const script = `${asMachine}ip link set lo up && echo open && exec sleep infinity`;
  const said: string[] = [];
  let isOpen = false;
  const opened = Promise.withResolvers<void>();
  const holder = start(
    dyingWithUs[0],
    [...dyingWithUs.slice(1), "unshare", ...kinds, "sh", "-c", script, name],
    {
      onLine: (line) => {
        said.push(line);
        isOpen ||= line === "open";
        if (isOpen) opened.resolve();
      },
    },
  );
  const timer = setTimeout(opened.resolve, openTimeoutMs);
  await Promise.race([opened.promise, holder.exited]);
  clearTimeout(timer);
  const close = async (): Promise<void> => {
    holder.stop("SIGKILL");
    await holder.exited;
  };
  if (!isOpen) {
    await close();
    throw new ImagectlError("NAMESPACE_FAILED", `no network namespace for ${name}: ${said.join(" / ")}`, {
      hint: "It needs root and a kernel that allows it. Try: sudo unshare --net --mount --uts true",
    });
  }
  const enter = ["nsenter", "--target", String(holder.pid), ...kinds, "--"] as const;
  return {
    pid: holder.pid,
    enter,
    ip: async (...words) => {
      await run(enter[0], [...enter.slice(1), "ip", ...words]);
    },
    close,
  };
}
