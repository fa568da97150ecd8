/** `imagectl confirm`: from a new login, says that the bastion can still be reached after a change. */
import { judgeConfirmation } from "../bastion/confirmation.ts";
import { readClaim, sendConfirmation } from "../bastion/session.ts";
import { ImagectlError } from "../errors.ts";
import { defineCommand } from "./command.ts";

export const command = defineCommand({
  summary: "keep what imagectl apply bastion changed: from a login that is newer than the change",
  usage: "confirm [--console]",
  options: {
    console: {
      type: "boolean",
      description: "You stand before the machine itself: then no login needs to prove that you get in.",
    },
  },
  positionals: { min: 0, max: 0 },
  async run({ values }, io) {
    if (process.getuid?.() !== 0) {
      throw new ImagectlError("ROOT_REQUIRED", "only root keeps what root changed", {
        hint: "sudo imagectl confirm",
      });
    }
    const verdict = judgeConfirmation(await readClaim(values.console === true));
    switch (verdict.kind) {
      case "nothing-waits":
        throw new ImagectlError(
          "NOTHING_TO_CONFIRM",
          "no change waits to be confirmed; it may be undone already",
          {
            hint: "See what differs, and try again: imagectl apply bastion --dry-run",
          },
        );
      case "refused":
        throw new ImagectlError("CONFIRMATION_REFUSED", verdict.reason, { hint: verdict.hint });
      case "accepted":
        break;
      default:
        verdict satisfies never;
    }
    if (await sendConfirmation()) {
      io.stdout.write("confirmed: the change stays\n");
      return 0;
    }
    throw new ImagectlError("NOTHING_TO_CONFIRM", "too late: the change is being undone", {
      hint: "Try again, and log in within the time: imagectl apply bastion",
    });
  },
});
