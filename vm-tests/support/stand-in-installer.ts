/** The stand-in for Ubuntu's ISO in the tests' store, by the code of the command: signed sums, a built environment. */
import { storeInstaller } from "../../src/cli/build-installer.ts";
import { captureIo } from "../../src/cli/test-run.ts";
import { makeKey, signedBy, signSums } from "../../src/images/installer/stand-in.test-data.ts";
import { cache, testState } from "./image.ts";
import type { UbuntuSystem } from "./lab-cluster.ts";
import { makeLiveIso } from "./live-iso.ts";

/** The point release that the stand-in plays. */
const version = "24.04.4";

/** @param folder for the ISO. @throws when the command does not end well, with what it said. */
export async function storeStandIn(os: UbuntuSystem, folder: string): Promise<void> {
  const key = await makeKey("Test CD key");
  try {
    const iso = await makeLiveIso(folder, { version, cache, log: (line) => console.log(line) });
    await signSums(folder, [iso], key);
    const { io, said } = captureIo({ env: { IMAGECTL_STATE: testState, IMAGECTL_CACHE: cache } });
    const code = await storeInstaller(signedBy(os, key), { iso }, io);
    if (code !== 0) throw new Error(`the stand-in was not stored: ${said.stderr}`);
  } finally {
    await key.close();
  }
}
