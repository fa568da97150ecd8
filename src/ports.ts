/** The ports on which the bastion serves its nodes. The URLs on their kernel command line name them. */

/** IANA: bootps and tftp. The two of HTTP are our choice. */
export const servicePorts = { dhcp: 67, tftp: 69, control: 8_080, artefacts: 8_081 } as const;
