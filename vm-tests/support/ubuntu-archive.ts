/** Ubuntu's package archive is elsewhere than Debian's: where it does not answer, its systems cannot be built. */
import { describe } from "vitest";
import { findOperatingSystem } from "../../src/images/catalogue.ts";
import { type UbuntuSystem, ubuntuSystems } from "./lab-cluster.ts";

/** Milliseconds. Our choice: a machine without a way to it may drop what is sent. */
const answerTimeoutMs = 20_000;

/** Describes each Ubuntu; skipped, with the archive that does not answer in its name. */
export async function describeUbuntus(describeOne: (os: UbuntuSystem) => void): Promise<void> {
  const { archives, codename } = findOperatingSystem(ubuntuSystems[0]);
  const [uri] = archives.map((archive) => archive.uri);
  const signal = AbortSignal.timeout(answerTimeoutMs);
  const answer = await fetch(`${uri}/dists/${codename}/InRelease`, { method: "HEAD", signal }).catch(
    () => undefined,
  );
  const isThere = answer?.ok === true;
  const name = isThere ? "Ubuntu" : `Ubuntu: skipped, since ${uri} does not answer here`;
  describe.skipIf(!isThere)(name, () => {
    for (const os of ubuntuSystems) describeOne(os);
  });
}
