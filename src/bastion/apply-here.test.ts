/** What an overlay may be applied to. */
import { expect, test } from "vitest";
import { parseOsRelease } from "./apply-here.ts";

test("a system is known by its os-release", () => {
  expect(parseOsRelease('PRETTY_NAME="Debian"\nID=debian\nVERSION_ID="12"\n')).toBe("debian-12");
  expect(parseOsRelease("")).toBe("-");
});
