/** A yes before something that cannot be taken back: from the person, or from --yes. */
import { ImagectlError } from "../errors.ts";
import type { CommandIo, OptionSpecs } from "./command.ts";

export const yesOption = {
  yes: { type: "boolean", description: "Do not ask." },
} as const satisfies OptionSpecs;

/**
 * @param isSaid the command line said --yes.
 * @param question without its question mark.
 * @throws ImagectlError NOT_CONFIRMED.
 */
export async function confirm(io: CommandIo, isSaid: boolean, question: string): Promise<void> {
  if (isSaid) return;
  if (io.ask === undefined) {
    throw new ImagectlError("NOT_CONFIRMED", "nothing was changed: nobody is there to say yes", {
      hint: "Read what is above, then add: --yes",
    });
  }
  if (/^y(es)?$/i.test((await io.ask(`${question}? [y/N] `)).trim())) return;
  throw new ImagectlError("NOT_CONFIRMED", "nothing was changed", {
    hint: "To go on, answer y, or add: --yes",
  });
}
