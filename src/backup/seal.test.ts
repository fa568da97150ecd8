import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { seal, unseal } from "./seal.ts";

/** Cheap guesses: these passphrases keep nothing. */
const logN = 2;
const secret = Buffer.concat([Buffer.from("-----BEGIN OPENSSH PRIVATE KEY-----"), randomBytes(70_000)]);

test("what is sealed cannot be read, and comes out with its passphrase", async () => {
  const sealed = Buffer.from(await seal(secret, "correct horse", logN));
  expect(sealed.subarray(0, 21).toString()).toBe("age-encryption.org/v1");
  expect(sealed.includes("PRIVATE KEY")).toBe(false);
  expect(Buffer.from(await unseal(sealed, "correct horse")).equals(secret)).toBe(true);
});

test("sealed twice with one passphrase, it is never the same", async () => {
  const [one, other] = [await seal(secret, "p", logN), await seal(secret, "p", logN)];
  expect(Buffer.from(one).equals(Buffer.from(other))).toBe(false);
});

test("another passphrase opens nothing", async () => {
  const sealed = await seal(secret, "correct horse", logN);
  await expect(unseal(sealed, "correct horsf")).rejects.toMatchObject({ code: "PASSPHRASE_WRONG" });
  await expect(unseal(sealed, "")).rejects.toMatchObject({ code: "PASSPHRASE_WRONG" });
});

test("altered in its content or in its header, it is refused", async () => {
  const sealed = Buffer.from(await seal(secret, "p", logN));
  for (const index of [sealed.length - 1, sealed.length - 40_000, 0]) {
    const altered = Buffer.from(sealed);
    altered[index] = (altered[index] as number) ^ 1;
    await expect(unseal(altered, "p")).rejects.toMatchObject({ code: "BACKUP_DAMAGED" });
  }
  await expect(unseal(sealed.subarray(0, 65_000), "p")).rejects.toMatchObject({ code: "BACKUP_DAMAGED" });
});
