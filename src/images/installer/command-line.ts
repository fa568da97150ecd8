/** The kernel command line of an installer: words for iPXE, which has no quoting. Pure. */
import { ImagectlError } from "../../errors.ts";
import type { Installer } from "./installers.ts";

/** What a line is made of, as values or as names in braces that the server replaces. */
export type LinePlaces = {
  /** Where casper fetches the ISO from. Ends in `.iso`, without a query. */
  readonly isoUrl: string;
  /** Where cloud-init fetches `meta-data` and `user-data` from. Ends in `/`. Has the token of the seed session in it. */
  readonly seedUrl: string;
  /** For the session, beside what casper and cloud-init read. */
  readonly sessionArguments: readonly string[];
  /** For the kernel of the installed system, in this order. */
  readonly targetArguments: readonly string[];
};

/**
 * What stands before `---` is for the installation alone, so that no token comes to the installed system; what stands
 * after it curtin copies there (get_carryover_params), and every `console=` from before it.
 * @returns one word each. `;` in `ds=` needs no quoting in iPXE, unlike in GRUB.
 * @throws ImagectlError KERNEL_ARGUMENT_INVALID for a place that casper or cloud-init would not take.
 */
export function installerCommandLine(installer: Installer, places: LinePlaces): string[] {
  const { isoUrl, seedUrl, sessionArguments, targetArguments } = places;
  // casper of 22.04 has `case url=*.iso)`: another value is not seen at all, and the node waits for a CD.
  if (!/^[^\s?#]+\.iso$/.test(isoUrl)) throw invalid(`${isoUrl} must end in .iso`, "ISO");
  // cloud-init appends the names of its documents as they are.
  if (!/^[^\s?#]+\/$/.test(seedUrl)) throw invalid(`${seedUrl} must end in /`, "seed");
  return [
    `${installer.isoArgument}=${isoUrl}`,
    // Without it the initramfs asks no DHCP server, and fetches nothing.
    "ip=dhcp",
    // casper would read the whole ISO again to compare it with its own sums, for minutes.
    "fsck.mode=skip",
    // Without it subiquity asks "Continue with autoinstall?" and waits.
    "autoinstall",
    `ds=nocloud;s=${seedUrl}`,
    // cloud-init looks for its configuration in `url=` otherwise, and warns of the ISO.
    "cloud-config-url=/dev/null",
    ...sessionArguments,
    "---",
    ...targetArguments,
  ];
}

function invalid(message: string, what: string): ImagectlError {
  return new ImagectlError("KERNEL_ARGUMENT_INVALID", `the address of the ${what}: ${message}`, {
    hint: `Serve the ${what} under another address, without white space or a query.`,
  });
}
