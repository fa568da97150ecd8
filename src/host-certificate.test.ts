/** Certificates as ssh-keygen of OpenSSH 9.2 lists them. */
import { expect, test } from "vitest";
import { isCertificateGood } from "./host-certificate.ts";

const listing = `key-cert.pub:
        Type: ssh-ed25519-cert-v01@openssh.com host certificate
        Public key: ED25519-CERT SHA256:keyFingerprint
        Signing CA: ED25519 SHA256:caFingerprint (using ssh-ed25519)
        Key ID: "bastion"
        Serial: 5
        Valid: before 2027-11-23T16:49:37
        Principals: 
                bastion
                bastion.cluster
                10.77.0.1
        Critical Options: (none)
        Extensions: (none)
`;
const wanted = {
  keyFingerprint: "SHA256:keyFingerprint",
  caFingerprint: "SHA256:caFingerprint",
  principals: ["bastion", "bastion.cluster", "10.77.0.1"],
};
const now = new Date("2026-12-01T00:00:00Z");

test("one that says what it should is kept", () => {
  expect(isCertificateGood(listing, wanted, now)).toBe(true);
});

test("so is one that has a beginning", () => {
  const begun = listing.replace("Valid: before", "Valid: from 2026-11-24T16:44:00 to");
  expect(isCertificateGood(begun, wanted, now)).toBe(true);
});

test.each([
  ["of another key", { ...wanted, keyFingerprint: "SHA256:other" }, now],
  ["of another CA", { ...wanted, caFingerprint: "SHA256:other" }, now],
  ["for other names", { ...wanted, principals: ["gate", "gate.cluster", "10.77.0.1"] }, now],
  ["for fewer names", { ...wanted, principals: ["bastion"] }, now],
  ["that ends within a month", wanted, new Date("2027-11-01T00:00:00Z")],
])("one %s is not", (_name, changed, at) => {
  expect(isCertificateGood(listing, changed, at)).toBe(false);
});

test("what is no certificate is not", () => {
  expect(isCertificateGood("", wanted, now)).toBe(false);
});
