/** SHA-256 over bytes and over values: equal values give equal digests, whatever the order of their keys. */
import { createHash } from "node:crypto";

/** 64 lower-case hex digits. */
export type Sha256 = string;

export const sha256Pattern = /^[0-9a-f]{64}$/;

export function sha256(bytes: string | Uint8Array): Sha256 {
  return createHash("sha256").update(bytes).digest("hex");
}

/** JSON with sorted keys and no white space; `undefined` members are left out, as in JSON.stringify. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) => {
    if (member === null || typeof member !== "object" || Array.isArray(member)) return member;
    return Object.fromEntries(Object.entries(member).sort(([left], [right]) => (left < right ? -1 : 1)));
  });
}

export function digestOf(value: unknown): Sha256 {
  return sha256(canonicalJson(value));
}
