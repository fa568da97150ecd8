/** The door to what `init` offers: the interfaces of this machine, and the public keys of whoever sits at it. */
import { readdir, readFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { type Ipv4Address, type Ipv4Subnet, ipv4FromNumber, ipv4ToNumber } from "../address.ts";
import { parsePublicKey } from "../cluster/public-key.ts";
import { ImagectlError } from "../errors.ts";
import { run } from "../run.ts";

export type OfferedInterface = {
  readonly name: string;
  readonly address: Ipv4Address;
  readonly subnet: Ipv4Subnet;
};

export type OfferedKey = { readonly path: string; readonly line: string };

/** @returns those with an IPv4 address of a network that a cluster can have; not the loopback. */
export function listInterfaces(): OfferedInterface[] {
  return Object.entries(networkInterfaces()).flatMap(([name, entries]) =>
    (entries ?? []).flatMap((entry): OfferedInterface[] => {
      const prefixLength = Number(entry.cidr?.split("/")[1]);
      if (entry.internal || entry.family !== "IPv4" || prefixLength < 8 || prefixLength > 30) return [];
      const address = entry.address as Ipv4Address;
      const mask = (0xffffffff << (32 - prefixLength)) >>> 0;
      const network = ipv4FromNumber((ipv4ToNumber(address) & mask) >>> 0);
      return [{ name, address, subnet: { network, prefixLength } }];
    }),
  );
}

/** @returns the usable `~/.ssh/*.pub`; under sudo, those of who called it. */
export async function listPublicKeys(
  env: Readonly<Record<string, string | undefined>>,
): Promise<OfferedKey[]> {
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
async function homeOf(env: Readonly<Record<string, string | undefined>>): Promise<string> {
  const own = env.HOME ?? "/root";
  if (env.SUDO_USER === undefined) return own;
  const { stdout } = await run("getent", ["passwd", env.SUDO_USER], { okExitCodes: [0, 2] });
  return stdout.trim().split(":")[5] ?? own;
}

/**
 * @returns the file's text; a line with spaces that names no file is a key itself.
 * @throws ImagectlError USAGE.
 */
export async function readKeyArgument(given: string): Promise<string> {
  return readFile(given, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (given.includes(" ")) return given;
    throw new ImagectlError("USAGE", `--key: cannot read ${given}: ${error.message}`, {
      hint: "Name a .pub file, such as ~/.ssh/id_ed25519.pub. To make one: ssh-keygen -t ed25519",
      cause: error,
    });
  });
}
