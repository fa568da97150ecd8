/** JSON that a node sent. Pure. */
import type { ImagectlError } from "../errors.ts";

/** @param malformed makes the error, with what is wrong and its cause. @throws what it makes. */
export function parseJson(
  text: string,
  malformed: (problem: string, cause: unknown) => ImagectlError,
): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw malformed("it is not JSON", error);
  }
}
