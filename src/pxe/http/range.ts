/** The Range header of one GET: which bytes of a file are wanted. RFC 9110 section 14. */

export type WantedRange =
  | { readonly kind: "whole" }
  /** Both ends are included, as on the wire. */
  | { readonly kind: "part"; readonly first: number; readonly last: number }
  | { readonly kind: "unsatisfiable" };

/**
 * Several ranges, other units and what is no range at all are answered with the whole file, as section 14.2 allows.
 * @param size bytes of the file.
 */
export function parseRange(header: string | undefined, size: number): WantedRange {
  const match = /^bytes=([0-9]{0,15})-([0-9]{0,15})$/.exec(header?.trim() ?? "");
  if (match === null) return { kind: "whole" };
  const [, from, to] = match as unknown as [string, string, string];
  if (from === "" && to === "") return { kind: "whole" };
  if (from === "") {
    const length = Math.min(Number(to), size);
    return length === 0 ? { kind: "unsatisfiable" } : { kind: "part", first: size - length, last: size - 1 };
  }
  const first = Number(from);
  const last = to === "" ? size - 1 : Math.min(Number(to), size - 1);
  if (to !== "" && Number(to) < first) return { kind: "whole" };
  return first >= size ? { kind: "unsatisfiable" } : { kind: "part", first, last };
}
