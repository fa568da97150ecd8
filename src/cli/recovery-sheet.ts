/** The recovery password and the sheet of paper that is the only place where it stands. Pure. */
import { Secret } from "../secret.ts";

/** Crockford's base 32 in lower case: no i, l, o or u, so that nobody takes one character for another. */
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

/** Bytes of chance for a password: 5 bits of each are used, 100 in all; node-bound hashes may be read by others. */
export const passwordBytes = 20;

const groupLength = 5;

/** @param random `passwordBytes` of chance. @returns four groups of five: `k7f3q-9xw2m-4hd8t-p0c6v`. */
export function makePassword(random: Uint8Array): Secret {
  if (random.length !== passwordBytes) throw new RangeError(`a password is made of ${passwordBytes} bytes`);
  // 32 divides 256: each character is equally likely.
  const characters = [...random].map((byte) => alphabet[byte % alphabet.length]).join("");
  const groups = characters.match(new RegExp(`.{${groupLength}}`, "g")) ?? [];
  return new Secret(groups.join("-"));
}

export type SheetSubject = {
  readonly cluster: string;
  readonly fqdn: string;
  readonly hostname: string;
  readonly mac: string;
  readonly address: string;
  /** ISO 8601: 2026-11-24. */
  readonly date: string;
};

/** @returns the sheet, ready for a printer: 72 columns, and no more lines than a page has. */
export function formatSheet(subject: SheetSubject, password: Secret): string {
  const { cluster, fqdn, hostname, mac, address, date } = subject;
  const rule = "-".repeat(72);
  return `${rule}
RECOVERY SHEET          cluster ${cluster}
${rule}

  machine      ${fqdn}
  MAC          ${mac}
  address      ${address}
  made on      ${date}

  serial no.   ______________________    asset tag  ___________________

  user         recovery
  password     ${password.reveal()}

The dashes are part of the password. 0 is zero and 1 is one: there is no
letter i, l, o or u in it.

It opens the console of this one machine, never ssh; sudo asks for it
again. After 5 wrong ones the console waits for 5 minutes.

Lock this sheet into the machine's chassis. No copy of the password is
kept anywhere. When it was used, or the sheet is lost, make a new one:
    sudo imagectl recovery new ${hostname} --rotate
    sudo imagectl apply ${hostname}
${rule}
`;
}
