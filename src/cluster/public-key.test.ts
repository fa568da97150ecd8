/** Public keys: only what sshd would trust, read down to its bytes. */
import { describe, expect, test } from "vitest";
import { parsePublicKey } from "./public-key.ts";

/** RFC 4251 section 5: each part is a string with its length in front. */
function blob(...parts: (string | Uint8Array)[]): string {
  const strings = parts.map((part) => {
    const bytes = Buffer.from(part as string);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  });
  return Buffer.concat(strings).toString("base64");
}

const bytes = (length: number, first = 0xab): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (index === 0 ? first : 0xcd));
const modulus = (bits: number): Uint8Array => Uint8Array.of(0, ...bytes(bits / 8, 0x80));
const exponent = Uint8Array.of(1, 0, 1);

const ed25519 = blob("ssh-ed25519", bytes(32));
const skEd25519 = blob("sk-ssh-ed25519@openssh.com", bytes(32), "ssh:");
const skEcdsa = blob("sk-ecdsa-sha2-nistp256@openssh.com", "nistp256", bytes(65, 4), "ssh:");
const rsa3072 = blob("ssh-rsa", exponent, modulus(3072));

describe("keys that are taken", () => {
  test.each([
    ["ed25519", `ssh-ed25519 ${ed25519} alice@laptop`],
    ["ed25519 without a comment", `ssh-ed25519 ${ed25519}`],
    ["a comment of several words", `ssh-ed25519 ${ed25519} Alice's new laptop`],
    ["a security key", `sk-ssh-ed25519@openssh.com ${skEd25519} token`],
    ["a security key with ECDSA", `sk-ecdsa-sha2-nistp256@openssh.com ${skEcdsa} token`],
    ["RSA of 3072 bits", `ssh-rsa ${rsa3072} old`],
  ])("%s", (_name, line) => {
    expect(parsePublicKey(line)).toEqual({ kind: "key", line });
  });
  test("white space is made single", () => {
    expect(parsePublicKey(`  ssh-ed25519 \t ${ed25519}   a  b \n`)).toEqual({
      kind: "key",
      line: `ssh-ed25519 ${ed25519} a b`,
    });
  });
});

describe("keys that are refused", () => {
  test.each([
    ["RSA of 2048 bits", `ssh-rsa ${blob("ssh-rsa", exponent, modulus(2048))}`, "2048 bits"],
    [
      "leading zeros do not make a key longer",
      `ssh-rsa ${blob("ssh-rsa", exponent, Uint8Array.of(...bytes(200, 0), 1))}`,
      "bits",
    ],
    ["an option before the key", `command="sh" ssh-ed25519 ${ed25519}`, "options"],
    ["another option", `no-pty,from="10.0.0.1" ssh-rsa ${rsa3072}`, "options"],
    ["two lines", `ssh-ed25519 ${ed25519}\nssh-ed25519 ${ed25519}`, "one line"],
    ["a carriage return inside", `ssh-ed25519 ${ed25519} a\rb`, "one line"],
    ["a control character", `ssh-ed25519 ${ed25519} a\u001b[2Jb`, "control"],
    ["DSA", "ssh-dss AAAA", "ssh-dss"],
    ["plain ECDSA", "ecdsa-sha2-nistp256 AAAA", "ecdsa"],
    ["a certificate", "ssh-ed25519-cert-v01@openssh.com AAAA", "no public key"],
    ["the name of a private key's file", "~/.ssh/id_ed25519", "name of a file"],
    ["the name of a file", "/home/kim/.ssh/id_ed25519.pub", "name of a file"],
    ["nothing", "", "no public key"],
    ["only an algorithm", "ssh-ed25519", "damaged"],
    ["a name of every object", "constructor AAAA", "no public key"],
    ["another algorithm inside", `ssh-ed25519 ${rsa3072}`, "another algorithm"],
    ["a damaged base64 text", `ssh-ed25519 ${ed25519.slice(0, -3)}`, "damaged"],
    ["base64 with a stray character", `ssh-ed25519 ${ed25519.slice(0, 20)}!${ed25519.slice(21)}`, "damaged"],
    ["a key that is too short", `ssh-ed25519 ${blob("ssh-ed25519", bytes(31))}`, "32 bytes"],
    ["a key that is cut off", `ssh-rsa ${blob("ssh-rsa", exponent)}`, "cut off"],
    ["bytes after the key", `ssh-ed25519 ${blob("ssh-ed25519", bytes(32), "more")}`, "follow"],
    [
      "a curve of another name",
      `sk-ecdsa-sha2-nistp256@openssh.com ${blob("sk-ecdsa-sha2-nistp256@openssh.com", "nistp384", bytes(65), "")}`,
      "curve",
    ],
  ])("%s", (_name, line, reason) => {
    const answer = parsePublicKey(line);
    expect(answer.kind).toBe("refused");
    expect(JSON.stringify(answer)).toContain(reason);
  });

  test.each([
    ["OpenSSH", "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----"],
    ["PEM", "-----BEGIN RSA PRIVATE KEY----- c2VjcmV0"],
    ["PuTTY", "PuTTY-User-Key-File-3: ssh-ed25519\nc2VjcmV0"],
  ])("a private key (%s) is named as one and never shown", (_name, text) => {
    const answer = parsePublicKey(text);
    expect(answer).toMatchObject({ kind: "refused", message: expect.stringContaining("private key") });
    expect(JSON.stringify(answer)).not.toContain("c2VjcmV0");
  });

  test("every byte cut off and every byte changed in the blob's frame is refused or another key", () => {
    const raw = Buffer.from(ed25519, "base64");
    for (let length = 0; length < raw.length; length++) {
      const line = `ssh-ed25519 ${raw.subarray(0, length).toString("base64")}`;
      expect(parsePublicKey(line).kind).toBe("refused");
    }
  });
});
