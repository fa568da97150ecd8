/** A machine without a kernel of its own: an image's root under its own systemd, in namespaces, at native speed. */
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { ImagectlError } from "../errors.ts";
import { dyingWithUs, type Namespace, openNamespace } from "../namespace.ts";
import { packageRoot } from "../paths.ts";
import { run, type StartedProcess, start } from "../run.ts";
import { shellLine } from "../shell.ts";
import type { CommandAnswer } from "../verify/report.ts";
import { runThrough } from "../verify/run-framed.ts";
import type { Host } from "./host.ts";
import { type LabNetwork, portOf } from "./network.ts";

export type NamespaceHostSettings = {
  readonly hostname: string;
  readonly mac: string;
  /** MAC addresses of further cards: eth1, eth2 … on the same switch. */
  readonly otherMacs?: readonly string[];
  /** Unique on this host. */
  readonly id: string;
  /** Unpacked root filesystem; never written to. */
  readonly lower: string;
  /** A folder of this host alone: what it writes goes there and survives powerOff. */
  readonly folder: string;
  readonly network: LabNetwork;
};

/** How long its systemd may take until every unit has started or failed. Milliseconds. About 10 s are usual. */
const bootTimeoutMs = 120_000;

/** How often it is looked whether its init runs. Milliseconds. */
const pollMs = 20;

/** How many lines of the console an error shows. */
const tailLines = 40;

/**
 * The limits of this kind of machine, since it shares the host's kernel: no modules, AppArmor, audit or kernel
 * NFS of its own, and the host's sysctls outside of net/. Checks that want those say so in `needs`.
 */
export class NamespaceHost implements Host {
  readonly name: string;
  readonly #settings: NamespaceHostSettings;
  readonly #console: string[] = [];
  #running: { readonly process: StartedProcess; readonly net: Namespace; readonly init: number } | undefined;

  constructor(settings: NamespaceHostSettings) {
    this.name = settings.hostname;
    this.#settings = settings;
  }

  /**
   * Boots and waits until systemd has started what it starts.
   * @throws ImagectlError LAB_BOOT_FAILED with the console's last lines.
   */
  async boot(): Promise<void> {
    if (this.#running !== undefined) throw this.#failed("it is running already");
    const { hostname, mac, otherMacs = [], id, lower, folder, network } = this.#settings;
    await run("mkdir", ["-p", ...["upper", "work", "root", "cgroup"].map((name) => join(folder, name))]);
    const net = await openNamespace(hostname);
    try {
      for (const [index, each] of [mac, ...otherMacs].entries()) {
        await network.plug(net, `eth${index}`, each);
      }
      const script = join(packageRoot, "templates/lab/start-root.sh");
      const inside = shellLine(["sh", script, `${id}-${hostname}`, folder, lower]);
      const initFile = join(folder, "init");
      await rm(initFile, { force: true });
      // script(1) gives it a terminal, as a machine's console is one.
      const process = start(
        dyingWithUs[0],
        [...dyingWithUs.slice(1), ...net.enter, "script", "-qfec", inside, "/dev/null"],
        {
          onLine: (line) => void this.#console.push(line.replaceAll("\r", "")),
        },
      );
      const init = await readPid(initFile, process.exited);
      if (init === undefined) throw this.#failed("its init did not start");
      this.#running = { process, net, init };
      await this.#untilBooted();
    } catch (error) {
      if (this.#running !== undefined) await this.powerOff();
      else await net.close();
      throw error;
    }
  }

  run(script: string, timeoutSeconds: number): Promise<CommandAnswer> {
    if (this.#running === undefined) return Promise.reject(this.#failed("it is not running"));
    return runThrough(this.name, [...this.#enter(this.#running.init), "sh"])(script, timeoutSeconds);
  }

  /** Pulls the plug: kills its init, and with it the kernel kills everything in its pid namespace. */
  async powerOff(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    process.kill(running.init, "SIGKILL");
    await running.process.exited;
    await running.net.close();
  }

  /** Pulls the cables of all its cards out of the switch, or puts them back. */
  async setCable(state: "up" | "down"): Promise<void> {
    const running = this.#running;
    if (running === undefined) throw this.#failed("it is not running");
    const { otherMacs = [], network } = this.#settings;
    for (const index of [0, ...otherMacs.keys().map((other) => other + 1)]) {
      await network.setCable(portOf(running.net, `eth${index}`), state);
    }
  }

  console(): string {
    return this.#console.join("\n");
  }

  #enter(init: number): [string, ...string[]] {
    const spaces = ["--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup", "--root", "--wd"];
    // Who enters a namespace keeps the host's capabilities: without this, a check could set the host's clock.
    const limits = [
      "setpriv",
      "--bounding-set",
      "-sys_time,-sys_module,-sys_boot,-syslog,-mac_admin,-mac_override",
    ];
    return ["nsenter", "--target", String(init), ...spaces, "--", ...limits, "env", "-i", "TERM=dumb"];
  }

  /** `degraded` counts as booted: which units may fail is for the checks to judge. */
  async #untilBooted(): Promise<void> {
    const script =
      'until state=$(systemctl is-system-running --wait 2>/dev/null) || [ "$state" = degraded ]; do sleep 0.1; done';
    const { exitCode } = await this.run(script, bootTimeoutMs / 1000);
    if (exitCode !== 0) throw this.#failed(`its systemd was not done after ${bootTimeoutMs / 1000} s`);
  }

  #failed(reason: string): ImagectlError {
    const tail = this.#console.slice(-tailLines).join("\n");
    return new ImagectlError("LAB_BOOT_FAILED", `${this.name}: ${reason}\n${tail}`, {
      hint: `Look into ${this.#settings.folder}/upper: it holds what the machine wrote, its journal too.`,
    });
  }
}

/** Waits for the line of boot-root.sh. @returns undefined when the machine ended before. */
async function readPid(file: string, exited: Promise<unknown>): Promise<number | undefined> {
  let isOver = false;
  void exited.then(() => {
    isOver = true;
  });
  while (!isOver) {
    const text = await readFile(file, "utf8").catch(() => "");
    if (text.endsWith("\n")) return Number(text);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  return undefined;
}
