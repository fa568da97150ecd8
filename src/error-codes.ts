/**
 * Every error code with what it means, in alphabetical order. docs/errors.md is generated from this table.
 * A code is never renamed once released: operators' scripts match on it.
 */
export const errorCodes = {
  ADDRESS_UNUSABLE:
    "An address of the cluster file is outside the subnet, reserved in it, or inside the pool.",
  ARM_REFUSED: "A node cannot be armed: its method, its kernel arguments or the missing image say why.",
  ARTEFACT_WORKER_FAILED: "A process that serves artefacts did not get to listen.",
  BOOT_ENTRY_MISSING:
    "An image's manifest cannot network-boot the firmware, or boots an artefact that it does not list.",
  BUILD_BUSY: "Another build runs with the same cache folder.",
  BUILD_FAILED: "A step of an image's build failed; nothing was published.",
  BUILD_INTERRUPTED: "An image's build was interrupted; nothing was published.",
  BUILD_OUTPUT_MISSING: "A build did not make exactly one of a file that an image needs.",
  CLUSTER_CHANGED: "The cluster file was changed by somebody else while a command was about to change it.",
  CLUSTER_INVALID: "The cluster file has errors; all of them are listed with their places.",
  CLUSTER_UNREADABLE: "The cluster file does not exist or may not be read.",
  COMMAND_FAILED: "A program that imagectl started ended with an error, or could not be started.",
  DATABASE_BUSY: "Another process holds a lock on the database of attempts and events.",
  DATABASE_TOO_NEW: "The database was written by a newer imagectl than this one.",
  DATABASE_UNUSABLE: "The database of attempts and events cannot be opened, read or written.",
  DHCP_PROBE_FAILED: "The interface cannot send, so it is not known whether another DHCP server is there.",
  DHCP_SOCKET_MISSING:
    "The server was not started through bin/open-dhcp-sockets, which opens the sockets of DHCP.",
  DISK_AMBIGUOUS: "Several disks of a node could be overwritten and the cluster file does not say which.",
  DISK_NONE: "No disk of a node can take the system: each is removable, read-only, too small or not matched.",
  DISK_SPACE_LOW: "The disk that images are built on has too little free space.",
  DRIVERS_MISSING: "An initramfs lacks the driver of a disk or network controller that we promise.",
  DUPLICATE: "Two things of the cluster file or of a role claim one name, number or address.",
  EVENT_MALFORMED: "A node reported an event that is not one of the kinds that a node may report.",
  FILE_NOT_EDITABLE:
    "A file of the operator is written in a way that a command cannot change without touching more.",
  FIRMWARE_UNSUPPORTED: "The node started by a firmware (BIOS or UEFI) that the image cannot boot by.",
  FOREIGN_DHCP_SERVER:
    "Another DHCP or ProxyDHCP server answers on the interface; nodes would boot from either.",
  GROUP_UNKNOWN: "A node is in a group that the cluster file does not have.",
  IMAGE_AMBIGUOUS: "Several images of the store begin with the given digits.",
  IMAGE_DAMAGED:
    "An image in the store is not what was published: a blob or manifest is missing or was altered.",
  IMAGE_UNKNOWN: "The store has no image with this id.",
  IMAGE_UNSIGNED: "An image's manifest is not signed by the store's key.",
  INTERFACE_UNUSABLE: "The interface of the bastion does not exist or lacks its address.",
  INVENTORY_MALFORMED: "What a node reported of itself is not what this version of imagectl reads.",
  IPXE_MISSING: "The iPXE files that are sent to firmware by TFTP are not installed.",
  KERNEL_ARGUMENT_INVALID:
    "A kernel argument cannot stand in an iPXE script, or names a value that there is not.",
  KEYS_MISSING: "The cluster's keys (agent, host CA) were not made yet.",
  KEYS_UNREADABLE: "A key file of the cluster exists but cannot be read by this user.",
  KEY_MISSING: "A file of the operator lacks a key that must be there.",
  KEY_UNKNOWN: "A file of the operator has a key that nothing reads; most often a typo.",
  KVM_UNUSABLE: "KVM was asked for, but a guest that was started under it did not run.",
  LAB_BOOT_FAILED: "A machine of the lab did not boot; its console says why.",
  LOCK_MALFORMED: "A package lock, or what apt said for it, cannot be understood.",
  MEMORY_TOO_SMALL: "The node has less memory than the image's boot entry asks for.",
  NAMESPACE_FAILED: "A network namespace could not be made: imagectl needs root for it.",
  NAME_INVALID: "A name of a machine, user, group or the cluster is malformed or reserved.",
  NIC_NOT_FOUND:
    "No network interface of the machine has the MAC address that the cluster file gives the node.",
  NODE_ALREADY_ARMED: "The node has a live attempt already; one attempt at a time may write to its disk.",
  NODE_NOT_ARMED: "The node has no live attempt that could be ended.",
  NODE_NOT_DEPLOYED: "The node was not installed by imagectl yet, or is being installed right now.",
  NODE_UNKNOWN: "A command names a node that the cluster file does not have.",
  OS_UNKNOWN: "A group asks for an operating system that no recipe builds.",
  OS_UNUSED: "No node of the cluster file is deployed with the operating system.",
  OUTPUT_NOT_OURS: "A directory to write into holds files that imagectl did not write.",
  OUTPUT_NOT_WRITTEN: "The file that was named for the output could not be written.",
  OVERLAY_INVALID:
    "A layer has a path, owner, package or unit that the apply script cannot carry, or a path twice.",
  PACKAGES_GONE: "The mirror no longer has a package in the version that the lock names.",
  PACKAGES_UNRESOLVED:
    "The package manager apt cannot find a set of packages for an image, or reaches no mirror.",
  PACKET_MALFORMED: "A datagram from the network is cut short or breaks its RFC; it was dropped.",
  PARAM_INVALID: "A parameter of a role is unknown to it or has a value that its schema refuses.",
  PARAM_UNUSED: "The cluster file sets a parameter of a role that the group does not have.",
  PLAN_CONFLICT: "Two roles own one path, package or port.",
  PLAN_INVALID: "The cluster file and the roles do not make a plan; every reason is listed.",
  PORT_IN_USE: "Another program listens on a port that imagectl needs.",
  PUBLIC_KEY_REFUSED:
    "A user's key is not an OpenSSH public key of an algorithm and size that sshd should trust.",
  REQUEST_MALFORMED: "A request to the operator API is not one that it takes.",
  ROLE_CYCLE: "Roles need each other in a circle, so that there is no order to apply them in.",
  ROLE_FOLDER_INVALID: "A role's folder holds something that is not part of the role format.",
  ROLE_NEED_MISSING: "A role needs another one that the group does not list.",
  ROLE_NEVER_ACTS:
    "A command, service or validator of a role watches only paths that never change where it would act.",
  ROLE_REPLACED: "A role of the operator replaces the one of the same name that comes with imagectl.",
  ROLE_UNKNOWN: "A group lists a role that is in no folder.",
  ROOT_REQUIRED: "The command needs root: privileged ports, namespaces, files of many users.",
  SERVER_ALREADY_RUNNING: "Another imagectl serve answers on the operator socket.",
  SERVER_ANSWER_MALFORMED: "The operator API gave an answer that this command does not understand.",
  SERVER_NOT_RUNNING: "A command needs imagectl serve, and nothing answers on its operator socket.",
  SOCKET_FAILED: "A socket could not be opened.",
  STORE_KEY_DIFFERS: "The store's images are signed by another manifest key than the one at hand.",
  TAR_INVALID: "A tar archive is broken, or holds what an archive of ours never holds.",
  TEMPLATE_INVALID:
    "A template is malformed, uses more than #if, #unless and #each, or prints a list or map.",
  TEMPLATE_UNKNOWN_NAME: "A template reads a name that its view does not have.",
  TOOL_MISSING: "A program that imagectl needs is not installed.",
  USAGE: "The command line is not one that this command takes.",
  USER_DATA_INVALID: "The operator's own user-data for cloud-init is malformed or claims what the plan owns.",
  VALUE_INVALID: "A value in a file of the operator is not one that may stand there.",
  VANTAGE_UNREACHABLE: "A check could not be run because its node, bastion or outsider did not answer.",
  VERIFY_RUNNING: "The acceptance checks of the node are running already.",
  YAML_INVALID: "A file of the operator is not valid YAML 1.2.",
} as const satisfies Record<string, string>;

export type ErrorCode = keyof typeof errorCodes;
