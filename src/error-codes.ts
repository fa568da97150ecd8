/**
 * Every error code with what it means, in alphabetical order. docs/errors.md is generated from this table.
 * A code is never renamed once released: operators' scripts match on it.
 */
export const errorCodes = {
  COMMAND_FAILED: "A program that imagectl started ended with an error, or could not be started.",
  PACKET_MALFORMED: "A datagram from the network is cut short or breaks its RFC; it was dropped.",
} as const satisfies Record<string, string>;

export type ErrorCode = keyof typeof errorCodes;
