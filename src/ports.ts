/** The ports on which the bastion serves its nodes. The URLs on their kernel command line name them. */

/** IANA: bootps and tftp. The others are our choice. */
export const servicePorts = { dhcp: 67, tftp: 69, control: 8_080, artefacts: 8_081, board: 8_082 } as const;

/** Whom the board shows names of people to: who has an account on the bastion. */
export const boardAddress = "127.0.0.1";
