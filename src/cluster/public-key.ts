/** SSH public key lines: taken only when the bytes are the key that the line says, and nothing else. */

export type PublicKeyAnswer =
  | { readonly kind: "key"; readonly line: string }
  /** The message never quotes the line: it may be a private key. */
  | { readonly kind: "refused"; readonly message: string; readonly hint: string };

/** Bits of an RSA modulus below which sshd would refuse the login anyway (RequiredRSASize in our sshd_config). */
const leastRsaBits = 3072;

/** What follows the algorithm's name in the key blob, as a reader of its parts. */
type BlobReader = (read: () => Uint8Array) => string | undefined;

/** RFC 8709 section 4: the key is one string of 32 octets. */
const readEd25519: BlobReader = (read) => (read().length === 32 ? undefined : "its key is not 32 bytes long");

const algorithms: Readonly<Record<string, BlobReader>> = {
  "ssh-ed25519": readEd25519,
  /** OpenSSH PROTOCOL.u2f: public key, application. */
  "sk-ssh-ed25519@openssh.com": (read) => {
    const complaint = readEd25519(read);
    read();
    return complaint;
  },
  /** OpenSSH PROTOCOL.u2f: curve name, point, application. */
  "sk-ecdsa-sha2-nistp256@openssh.com": (read) => {
    const curve = text(read());
    const point = read();
    read();
    return curve === "nistp256" && point.length === 65 ? undefined : "its curve point is malformed";
  },
  /** RFC 4253 section 6.6: mpint e, mpint n. */
  "ssh-rsa": (read) => {
    read();
    const bits = bitLength(read());
    return bits >= leastRsaBits
      ? undefined
      : `its RSA modulus has ${bits} bits; ${leastRsaBits} are the least`;
  },
};

const newKeyHint = "Make one and paste the line of its .pub file: ssh-keygen -t ed25519";

/**
 * Reads one line of a `.pub` file.
 * @returns the line as algorithm, base64 and comment with single spaces; or why it is refused.
 */
export function parsePublicKey(input: string): PublicKeyAnswer {
  const refuse = (message: string, hint = newKeyHint): PublicKeyAnswer => ({
    kind: "refused",
    message,
    hint,
  });
  if (/PRIVATE KEY|^PuTTY-User-Key-File/m.test(input)) {
    return refuse(
      "this is a private key; it must never stand in a cluster file",
      "Treat it as leaked: make a new pair with ssh-keygen -t ed25519 and paste the line of its .pub file here.",
    );
  }
  const line = input.trim();
  if (/[\n\r]/.test(line))
    return refuse("a public key is one line; this is several", "Write each key as its own list entry.");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/.test(line))
    return refuse("the line has control characters");
  const [algorithm = "", base64 = "", ...comment] = line.split(/[ \t]+/);
  const readBlob = Object.hasOwn(algorithms, algorithm) ? algorithms[algorithm] : undefined;
  if (readBlob === undefined) return refuseAlgorithm(algorithm, line, refuse);
  const blob = decodeBase64(base64);
  if (blob === undefined) return refuse("the key's base64 text is cut off or damaged");
  const complaint = readWhole(blob, algorithm, readBlob);
  if (complaint !== undefined) return refuse(complaint);
  return { kind: "key", line: [algorithm, base64, ...comment].join(" ") };
}

function refuseAlgorithm(
  first: string,
  line: string,
  refuse: (message: string, hint?: string) => PublicKeyAnswer,
): PublicKeyAnswer {
  const known = Object.keys(algorithms);
  if (known.some((name) => line.includes(`${name} `))) {
    return refuse(
      "options before a key (command=, from=, …) are not taken",
      `Keep only the part from the algorithm on: ${known.join(", ")}`,
    );
  }
  const isWeak = /^(ssh-dss|ecdsa-sha2-nistp(256|384|521))$/.test(first);
  if (isWeak) return refuse(`keys of the algorithm ${first} are not taken`);
  if (/^[~.]?\/|\.pub$/.test(first)) {
    // The name of the private one is mostly what is at hand; its .pub is what is meant.
    const file = first.endsWith(".pub") ? first : `${first}.pub`;
    const isPlain = /^[A-Za-z0-9_./~@-]+$/.test(file);
    return refuse(
      "this is the name of a file; the line that is in it belongs here",
      `Paste the line that this shows: cat ${isPlain ? file : "FILE.pub"}`,
    );
  }
  return refuse(`this is no public key; a line starts with one of ${known.join(", ")}`);
}

/** @returns undefined when the text is not exactly how these bytes are written. */
function decodeBase64(base64: string): Buffer | undefined {
  const bytes = Buffer.from(base64, "base64");
  return bytes.length > 0 && bytes.toString("base64") === base64 ? bytes : undefined;
}

/** RFC 4251 section 5: a string is its length in four octets, then the octets. */
function readWhole(blob: Buffer, algorithm: string, readBlob: BlobReader): string | undefined {
  let offset = 0;
  let isShort = false;
  const read = (): Uint8Array => {
    const length = offset + 4 <= blob.length ? blob.readUInt32BE(offset) : 0;
    const end = offset + 4 + length;
    if (offset + 4 > blob.length || end > blob.length) isShort = true;
    const part = blob.subarray(offset + 4, end);
    offset = end;
    return part;
  };
  const inner = text(read());
  if (inner !== algorithm) return "its base64 text is of another algorithm than the line says";
  const complaint = readBlob(read);
  if (isShort) return "the key's base64 text is cut off";
  return complaint ?? (offset === blob.length ? undefined : "bytes follow the key in its base64 text");
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

/** Of an mpint (RFC 4251 section 5): leading zero octets carry nothing. */
function bitLength(bytes: Uint8Array): number {
  const first = bytes.findIndex((byte) => byte !== 0);
  return first < 0 ? 0 : (bytes.length - first - 1) * 8 + (32 - Math.clz32(bytes[first] ?? 0));
}
