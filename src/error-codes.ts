/**
 * Every error code with what it means, in alphabetical order. docs/errors.md is generated from this table.
 * A code is never renamed once released: operators' scripts match on it.
 */
export const errorCodes = {
  COMMAND_FAILED: "A program that imagectl started ended with an error, or could not be started.",
  KEYS_MISSING: "The cluster's keys (agent, host CA) were not made yet.",
  KEYS_UNREADABLE: "A key file of the cluster exists but cannot be read by this user.",
  PACKET_MALFORMED: "A datagram from the network is cut short or breaks its RFC; it was dropped.",
  USAGE: "The command line is not one that this command takes.",
  VANTAGE_UNREACHABLE: "A check could not be run because its node, bastion or outsider did not answer.",
} as const satisfies Record<string, string>;

export type ErrorCode = keyof typeof errorCodes;
