/** Ubuntu's package archive is elsewhere than Debian's: where it does not answer, its systems cannot be built. */
import { describe } from "vitest";
import { findOperatingSystem } from "../../src/images/catalogue.ts";
import { ubuntuSystems } from "./lab-cluster.ts";

/** Milliseconds. Our choice: a machine without a way to it may drop what is sent. */
const answerTimeoutMs = 20_000;

async function whyNotHere(): Promise<string | undefined> {
  const { archives, codename } = findOperatingSystem(ubuntuSystems[0]);
  const [uri] = archives.map((archive) => archive.uri);
  const signal = AbortSignal.timeout(answerTimeoutMs);
  const answer = await fetch(`${uri}/dists/${codename}/InRelease`, { method: "HEAD", signal }).catch(
    () => undefined,
  );
  return answer?.ok === true ? undefined : `${uri} does not answer here`;
}

/** Describes something of Ubuntu; skipped, with the archive that does not answer in its name. */
export async function describeUbuntu(name: string, describeIt: () => void): Promise<void> {
  const why = await whyNotHere();
  describe.skipIf(why !== undefined)(why === undefined ? name : `${name}: skipped, since ${why}`, describeIt);
}
