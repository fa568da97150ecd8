/** Hashes of passwords as crypt(5) has them, made by the system's own libcrypt. */
import { run } from "./run.ts";
import { Secret } from "./secret.ts";

/** crypt(5): the alphabet of salts and hashes. */
const alphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** Bytes of chance for a salt. Each gives a character of 6 bits: 144 in all; crypt(5) recommends 128. */
export const saltBytes = 24;

/** `j9T`: the cost that libxcrypt takes by default (N = 4096, r = 32), as Debian's passwd(1) does. */
const prefix = "$y$j9T$";

/** perl's crypt is the system's; node has none. The password goes by a pipe: command lines are seen by everybody. */
const program = String.raw`
chomp(my ($password, $salt) = <STDIN>);
my $hash = crypt($password, $salt) // "";
index($hash, $salt) == 0 or die "this system's crypt(3) has no yescrypt\n";
print $hash;
`;

/**
 * @param salt `saltBytes` of chance.
 * @returns the yescrypt hash, `$y$j9T$…`.
 * @throws ImagectlError COMMAND_FAILED where libcrypt is older than yescrypt (Debian 10, Ubuntu 20.04).
 */
export async function hashPassword(password: Secret, salt: Uint8Array): Promise<Secret> {
  const characters = [...salt].map((byte) => alphabet[byte % alphabet.length]).join("");
  const { stdout } = await run("perl", ["-e", program], {
    input: Buffer.from(`${password.reveal()}\n${prefix}${characters}\n`),
    hint: "The bastion needs perl-base and libcrypt1 of Debian 11, Ubuntu 22.04 or later: apt-get install perl-base",
  });
  return new Secret(stdout.trim());
}
