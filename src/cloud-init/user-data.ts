/** The operator's own user-data: what cloud-init may do on a node whose system the plan already owns. */
import type { Finding } from "../errors.ts";
import { parseYamlFile } from "../yaml-file.ts";

const header = "#cloud-config";

/** Modules that would fight with the node layer, and where their intent belongs instead. cloud-init 22.4, "Module reference". */
const ownedByPlan: Readonly<Record<string, string>> = {
  users: "Declare people under users: in the cluster file.",
  groups: "Declare people under users: in the cluster file.",
  user: "Declare people under users: in the cluster file.",
  chpasswd: "Nobody on a node has a password; declare people under users: with their keys.",
  password: "Nobody on a node has a password; declare people under users: with their keys.",
  ssh_pwauth: "Logins are by key only; there is no setting that opens them.",
  ssh_authorized_keys: "Add the key to its user under users: in the cluster file.",
  ssh_import_id: "Add the key to its user under users: in the cluster file.",
  ssh_keys: "Host keys are made on the node while it is deployed and signed by the cluster's host CA.",
  ssh_deletekeys: "Host keys are made on the node while it is deployed and signed by the cluster's host CA.",
  disable_root: "Root has no login; there is no setting that opens it.",
  hostname: "The name under nodes: in the cluster file is the host name.",
  fqdn: "The name under nodes: and network.domain in the cluster file make the full name.",
  manage_etc_hosts: "The node layer writes /etc/hosts from the cluster file.",
  network: "Give the node its address under nodes: in the cluster file.",
  disk_setup: "Choose the disk with disk: in the cluster file.",
  fs_setup: "Choose the disk with disk: in the cluster file.",
  bootcmd: "It runs before the network on every boot. Use runcmd, or a role of your own.",
  power_state: "The bastion restarts nodes; a node that stops by itself never becomes ready.",
};

/**
 * Finds what cloud-init would ignore or what would undo the plan.
 * @param where the place of the text in the cluster file, for messages: `cluster.yaml:31:7`.
 */
export function checkUserData(text: string, where: string): Finding[] {
  const finding = (message: string, hint: string): Finding => ({
    code: "USER_DATA_INVALID",
    where,
    message,
    hint,
    severity: "error",
  });
  if (text.split("\n", 1)[0]?.trimEnd() !== header) {
    return [
      finding("user-data without its header is ignored by cloud-init", `Begin it with a line: ${header}`),
    ];
  }
  const file = parseYamlFile(text, `${where}: user-data`);
  if (file.findings.length > 0) return [...file.findings];
  // A header alone is a valid, empty document.
  const value = file.value ?? {};
  if (typeof value !== "object" || Array.isArray(value)) {
    return [
      finding(
        "user-data must be a mapping of cloud-init modules",
        "Write it as `packages: [...]`, `runcmd: [...]`.",
      ),
    ];
  }
  return Object.keys(value).flatMap((key) => {
    const hint = ownedByPlan[key];
    return hint === undefined ? [] : [finding(`user-data sets ${key}, which belongs to the plan`, hint)];
  });
}
