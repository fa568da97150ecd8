/** Reads an image's boot files again before a node is sent to them: nothing later would notice a flipped byte. */
import { type Finding, ImagectlError } from "../errors.ts";
import type { Image } from "../store/manifest.ts";

/** A whole cluster that is switched on asks a thousand times. Milliseconds. Our choice. */
const trustedForMs = 10_000;

/**
 * The root filesystem is verified on the node while it streams; kernel and initrds run before anything of ours
 * could look at them, so the server looks, at manifest and signature as well. That the root is there at all is
 * looked at, too: a node need not wipe its disk to learn that it is gone.
 * @param verify reads these artefacts of an image again, and the size of the others; nothing is good news.
 * @returns a function that throws IMAGE_DAMAGED or IMAGE_UNSIGNED with every finding. It reads at most every ten seconds.
 */
export function checkBeforeBoot(
  verify: (id: string, names: readonly string[]) => Promise<readonly Finding[]>,
  now: () => Date,
): (image: Image) => Promise<void> {
  const checked = new Map<
    string,
    { readonly atMs: number; readonly findings: Promise<readonly Finding[]> }
  >();
  return async ({ id, manifest }) => {
    const atMs = now().getTime();
    let last = checked.get(id);
    // The clock may be set back in between.
    if (last === undefined || Math.abs(atMs - last.atMs) >= trustedForMs) {
      const names = manifest.boot.flatMap(({ kernel, initrds }) => [kernel, ...initrds]);
      last = { atMs, findings: verify(id, names) };
      checked.set(id, last);
    }
    const findings = await last.findings;
    const [first] = findings;
    if (first === undefined) return;
    throw new ImagectlError(first.code, `${first.where}: ${first.message}`, { hint: first.hint, findings });
  };
}
