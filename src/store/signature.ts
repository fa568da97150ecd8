/** Signatures of manifests: Ed25519 (RFC 8032) over the bytes of the manifest file, kept beside it. */
import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto";

/**
 * @param privateKeyPem PKCS #8, PEM.
 * @returns the content of a `.sig` file: base64 and a line end.
 */
export function signManifest(bytes: Uint8Array, privateKeyPem: string): string {
  return `${sign(null, bytes, createPrivateKey(privateKeyPem)).toString("base64")}\n`;
}

/**
 * @param signature the content of a `.sig` file.
 * @param publicKeyPem SPKI, PEM.
 * @returns false for a signature of other bytes, of another key, or where key or signature is none at all.
 */
export function isSignedBy(bytes: Uint8Array, signature: string, publicKeyPem: string): boolean {
  try {
    return verify(null, bytes, createPublicKey(publicKeyPem), Buffer.from(signature.trim(), "base64"));
  } catch {
    // OpenSSL throws on what is no key; to whoever asks, that is a signature that does not hold.
    return false;
  }
}

/** @returns the public half, SPKI PEM: the same text for the same key. */
export function publicKeyOf(privateKeyPem: string): string {
  return String(createPublicKey(privateKeyPem).export({ type: "spki", format: "pem" }));
}
