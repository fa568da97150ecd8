/** Whether an ISO is the one that was asked for: its system, its edition, its architecture. Pure. */
import type { ErrorCode } from "../../error-codes.ts";
import { ImagectlError } from "../../errors.ts";
import type { DiskInfo } from "./disk-info.ts";
import { type Architecture, type Installer, installers, isOfRelease, isoFileName } from "./installers.ts";

/** What was asked for. */
export type Wanted = { readonly installer: Installer; readonly architecture: Architecture };

/**
 * @param file for the message.
 * @throws ImagectlError ISO_OTHER_EDITION, ISO_OTHER_RELEASE, ISO_OTHER_ARCHITECTURE; each says all that the ISO is.
 */
export function requireIdentity({ installer, architecture }: Wanted, info: DiskInfo, file: string): void {
  const refuse = (code: ErrorCode, why: string, instead = "") => {
    const { edition, version, architecture: own } = info;
    return new ImagectlError(code, `${file} is ${edition} ${version} for ${own}: ${why}`, {
      hint: `${instead}Get the right one: ${describeSource(installer, architecture)}`,
    });
  };
  if (info.edition !== installer.edition) {
    const why = `imagectl installs nodes from the live server's ISO (${installer.edition}), not from a desktop's or another edition's`;
    throw refuse("ISO_OTHER_EDITION", why);
  }
  if (!isOfRelease(installer, info.version)) {
    const own = installers.find((candidate) => isOfRelease(candidate, info.version));
    const instead = own === undefined ? "" : `Store it as what it is: --os ${own.os}. Or: `;
    throw refuse("ISO_OTHER_RELEASE", `${installer.os} was asked for`, instead);
  }
  if (info.architecture !== architecture) {
    throw refuse("ISO_OTHER_ARCHITECTURE", `nodes are ${architecture} machines, which cannot start it`);
  }
}

/** @returns where the ISO of an installer is to be had, and under which name. */
export function describeSource(installer: Installer, architecture: Architecture): string {
  const { places, pointReleases, release } = installer;
  const name = isoFileName(pointReleases.at(-1) ?? release, architecture);
  return `${places.current} (${name}, or a newer point release of it)`;
}

/** The command that brings the list of sums and its signature, to run in the folder of an ISO. */
export function fetchSumsCommand({ places }: Installer): string {
  return `curl -fLO ${places.current}SHA256SUMS -O ${places.current}SHA256SUMS.gpg`;
}
