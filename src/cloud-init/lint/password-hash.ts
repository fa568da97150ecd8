/** Hashes as crypt(3) of Ubuntu reads them from /etc/shadow. */

export type HashAnswer =
  | { readonly kind: "hash" }
  /** Nobody logs in by it, on purpose: `!`, `*`, or a hash behind a `!`. */
  | { readonly kind: "locked" }
  /** `${password}` or `{{ password }}`: a template that is not filled in yet. */
  | { readonly kind: "placeholder" }
  | { readonly kind: "no-hash"; readonly message: string };

/** The length of each method's digest, in characters. Source: crypt(5). */
const methods: readonly (readonly [name: string, form: RegExp])[] = [
  ["yescrypt", /^\$(y|gy)\$[./0-9A-Za-z]+\$[./0-9A-Za-z]{0,86}\$[./0-9A-Za-z]{43}$/],
  ["scrypt", /^\$7\$[./0-9A-Za-z]{11,97}\$[./0-9A-Za-z]{43}$/],
  ["bcrypt", /^\$2[abxy]\$[0-9]{2}\$[./0-9A-Za-z]{53}$/],
  ["SHA-512", /^\$6\$(rounds=[1-9][0-9]+\$)?[^$:\s]{0,16}\$[./0-9A-Za-z]{86}$/],
  ["SHA-256", /^\$5\$(rounds=[1-9][0-9]+\$)?[^$:\s]{0,16}\$[./0-9A-Za-z]{43}$/],
  ["MD5", /^\$1\$[^$:\s]{0,8}\$[./0-9A-Za-z]{22}$/],
];

/** @returns what crypt(3) makes of it. Never quotes it. */
export function readPasswordHash(text: string): HashAnswer {
  if (/^(!|\*|x$)/.test(text)) return { kind: "locked" };
  if (methods.some(([, form]) => form.test(text))) return { kind: "hash" };
  if (/^\$\{.*\}$|\{\{.*\}\}|^<.*>$/.test(text)) return { kind: "placeholder" };
  const isStarted = /^\\?\$(y|gy|7|2[abxy]|6|5|1)\\?\$/.test(text);
  if (text.includes("\\$")) {
    return { kind: "no-hash", message: "has backslashes before its dollar signs, which YAML keeps" };
  }
  return {
    kind: "no-hash",
    message: isStarted ? "is cut short or damaged" : "is no hash, but taken for one",
  };
}
