/** The door to what `init` offers: the interfaces of this machine, and the public keys of whoever sits at it. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Ipv4Address, type Ipv4Subnet, ipv4FromNumber, ipv4ToNumber } from "../address.ts";
import { parsePublicKey } from "../cluster/public-key.ts";
import { ImagectlError } from "../errors.ts";
import { type InterfaceFact, readInterfaces } from "../interfaces.ts";
import { run } from "../run.ts";
import type { CommandIo } from "./command.ts";

export type OfferedInterface = {
  readonly name: string;
  readonly address: Ipv4Address;
  readonly subnet: Ipv4Subnet;
  /** The default route leads through it: to the office and the internet, hardly to the nodes. */
  readonly isWayOut: boolean;
};

export type OfferedKey = { readonly path: string; readonly line: string };

/** Interfaces that a cluster can be on, and those that cannot yet, with what they lack. */
export type Interfaces = {
  readonly usable: readonly OfferedInterface[];
  readonly others: readonly { readonly name: string; readonly lacks: string }[];
};

/** One that is down or has no address is told as well: it is mostly the very one that was meant. */
export async function listInterfaces(): Promise<Interfaces> {
  const [all, wayOut] = await Promise.all([readInterfaces(), readWayOut()]);
  const own = all.filter(({ name }) => name !== "lo");
  const offered = own.map((fact) => ({ fact, offer: offerOf(fact, wayOut) }));
  return {
    usable: offered.flatMap(({ offer }) => offer ?? []),
    others: offered.flatMap(({ fact, offer }) =>
      offer === undefined ? [{ name: fact.name, lacks: whatLacks(fact) }] : [],
    ),
  };
}

function offerOf(fact: InterfaceFact, wayOut: string | undefined): OfferedInterface | undefined {
  const own = fact.addresses.find(({ prefixLength }) => prefixLength >= 8 && prefixLength <= 30);
  if (own === undefined || !fact.isUp || !fact.hasCarrier) return undefined;
  const { prefixLength } = own;
  const address = own.address as Ipv4Address;
  const mask = (0xffffffff << (32 - prefixLength)) >>> 0;
  const network = ipv4FromNumber((ipv4ToNumber(address) & mask) >>> 0);
  return { name: fact.name, address, subnet: { network, prefixLength }, isWayOut: fact.name === wayOut };
}

function whatLacks({ isUp, hasCarrier, addresses }: InterfaceFact): string {
  if (addresses.length === 0) return isUp ? "no IPv4 address" : "down, no IPv4 address";
  if (!isUp) return "down";
  return hasCarrier ? "an address without a network of 2 to 16 million" : "no link: cable or switch";
}

/** ip-route(8): the interface of the default route. */
async function readWayOut(): Promise<string | undefined> {
  const { stdout } = await run("ip", ["-json", "-4", "route", "show", "default"]);
  return (JSON.parse(stdout) as { readonly dev?: string }[])[0]?.dev;
}

/** @returns the usable `~/.ssh/*.pub`; under sudo, those of who called it. */
export async function listPublicKeys(env: CommandIo["env"]): Promise<OfferedKey[]> {
  const folder = join(await homeOf(env), ".ssh");
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith(".pub")).sort();
  const read = names.map(async (name): Promise<OfferedKey[]> => {
    const path = join(folder, name);
    const answer = parsePublicKey(await readFile(path, "utf8").catch(() => ""));
    return answer.kind === "key" ? [{ path, line: answer.line }] : [];
  });
  return (await Promise.all(read)).flat();
}

/** passwd(5): the sixth field. */
async function homeOf(env: CommandIo["env"]): Promise<string> {
  const own = env.HOME ?? "/root";
  if (env.SUDO_USER === undefined) return own;
  const { stdout } = await run("getent", ["passwd", env.SUDO_USER], { okExitCodes: [0, 2] });
  return stdout.trim().split(":")[5] ?? own;
}

/**
 * @returns the file's text; a line with spaces that names no file is a key itself.
 * @throws ImagectlError USAGE.
 */
export async function readKeyArgument(given: string, env: CommandIo["env"]): Promise<string> {
  // At a prompt no shell has unfolded it.
  const path = given.startsWith("~/") ? join(await homeOf(env), given.slice(2)) : given;
  return readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (given.includes(" ")) return given;
    throw new ImagectlError("USAGE", `--key: cannot read ${given}: ${error.message}`, {
      hint: "Name a .pub file, such as ~/.ssh/id_ed25519.pub. To make one: ssh-keygen -t ed25519",
      cause: error,
    });
  });
}
