/** Who listens where, read from ss(8). Pure. */

export type Socket = {
  readonly protocol: "tcp" | "udp";
  readonly port: number;
  /** Local address: `0.0.0.0`, `*` and `[::]` hear every one. */
  readonly address: string;
  /** The only interface that it hears; undefined: all. */
  readonly device: string | undefined;
  /** Undefined: another user's, which only root is told. */
  readonly process: { readonly name: string; readonly pid: number } | undefined;
};

/**
 * Reads the lines of `ss -H -l -n -p` for one protocol:
 * `UNCONN 0 0 0.0.0.0%eth1:67 0.0.0.0:* users:(("dnsmasq",pid=123,fd=4))`.
 */
export function parseSockets(protocol: Socket["protocol"], text: string): Socket[] {
  return text.split("\n").flatMap((line): Socket[] => {
    const local = line.trim().split(/\s+/)[3];
    const [, address, device, port] = /^(.*?)(?:%([^:\]]+)\]?)?:([0-9]+)$/.exec(local ?? "") ?? [];
    if (address === undefined || port === undefined) return [];
    const [, name, pid] = /users:\(\("([^"]*)",pid=([0-9]+)/.exec(line) ?? [];
    const process = name === undefined ? undefined : { name, pid: Number(pid) };
    return [{ protocol, port: Number(port), address, device, process }];
  });
}

const everyAddress = new Set(["0.0.0.0", "*", "[::]"]);

export type Place = { readonly name: string; readonly address: string };

/** @returns whether the socket hears what comes to this address of this interface. */
export function hears(socket: Socket, place: Place): boolean {
  const isDevice = socket.device === undefined || socket.device === place.name;
  return isDevice && (everyAddress.has(socket.address) || socket.address === place.address);
}

/** Whose a process is: with it one can say how to end it. */
export type ProcessOwner = {
  readonly pid: number;
  readonly parentPid: number | undefined;
  /** The systemd unit that it runs in. */
  readonly unit: string | undefined;
};

/** Reads /proc/PID/stat (proc_pid_stat(5)): the parent follows the state, after the name in parentheses. */
export function parseParentPid(stat: string): number | undefined {
  const parent = /^\S+ [A-Za-z] ([0-9]+) /.exec(stat.slice(stat.lastIndexOf(")")))?.[1];
  return parent === undefined ? undefined : Number(parent);
}

/** Reads /proc/PID/cgroup (cgroups(7)): the innermost part that is a service. */
export function parseUnit(cgroup: string): string | undefined {
  return /([^/\n]+\.service)(?:\/[^\n]*)?$/m.exec(cgroup)?.[1];
}
