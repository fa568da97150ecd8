/** For tests: documents without a fault, each to be spoilt in one place, and a machine to hold them against. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Finding } from "../../errors.ts";
import { lintDocument } from "./lint.ts";
import { parseMachine } from "./machine.ts";
import type { Aim } from "./subject.ts";

export const cases = join(import.meta.dirname, "cases");

/** One data disk of 4 TB and two of 960 GB to boot from; two cards. */
export const machine = parseMachine(readFileSync(join(cases, "machine.probe.json"), "utf8"), "probe.json");

/** crypt(3) of `lint`. */
export const hash =
  "$6$lintcases1$fO9vlgJVHbhvwe0hRow66.ColWqsjhtUBD8bcgO5J7Nwa8YTXdj.YLCRTf808HN4HmmEOmY.FhL/xFwSW3/QK/";
/** Its private key was thrown away. */
export const key =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBeHfVdvrdzcnzYEC+dFuZycyphr1f/hcSQrsmHQFRrx ops@bastion";

const head = "autoinstall:\n  version: 1\n";
const identity = `  identity:
    username: ops
    hostname: node1
    password: '${hash}'
`;
const layout = `  storage:
    layout:
      name: lvm
      match: {serial: "*BOOT0001*"}
`;
const disk =
  '{type: disk, id: disk0, match: {serial: "*BOOT0001*"}, ptable: gpt, wipe: superblock-recursive}';
const esp = `      - {type: partition, id: esp, device: disk0, size: 1G, flag: boot, grub_device: true}
      - {type: format, id: esp-fs, volume: esp, fstype: fat32}
      - {type: mount, id: esp-mount, device: esp-fs, path: /boot/efi}
`;
const root = `      - {type: format, id: root-fs, volume: root, fstype: ext4}
      - {type: mount, id: root-mount, device: root-fs, path: /}
`;
const rest = `      - {type: partition, id: root, device: disk0, size: -1}\n${root}`;
const config = (actions: string): string => `${head}${identity}  storage:\n    config:\n${actions}`;

/** No user and no system yet: for those of user-data. */
export const nobody = head + layout;
export const plain = head + identity + layout;
export const cloudConfig = `#cloud-config\n${plain}`;
export const custom = config(`      - ${disk}\n${esp}${rest}`);
export const customBios = config(`      - ${disk.replace("gpt", "gpt, grub_device: true")}
      - {type: partition, id: grub, device: disk0, size: 1M, flag: bios_grub}
${rest}`);
export const volumes = config(`      - ${disk}
${esp}      - {type: partition, id: pv, device: disk0, size: -1}
      - {type: lvm_volgroup, id: vg, name: vg0, devices: [pv]}
      - {type: lvm_partition, id: data, volgroup: vg, name: data, size: 500G}
      - {type: lvm_partition, id: root, volgroup: vg, name: root, size: -1}
${root}`);
export const withKey = `${plain}  ssh:\n    install-server: true\n    authorized-keys:\n      - ${key}\n`;
export const withNetwork = `${plain}  network:
    version: 2
    ethernets:
      eno1: {addresses: [10.20.0.5/24]}
      lan: {match: {macaddress: 'b4:45:06:00:10:02'}, dhcp4: true}
    bonds:
      bond0: {interfaces: [eno1, lan], dhcp4: true, parameters: {mode: active-backup}}
`;
export const withUser = (user: string): string => `${nobody}  ssh: {install-server: true}
  user-data:
    users:
      - ${user}
`;
/** @param command as it stands behind the dash. */
export const late = (command: string): string => `${plain}  late-commands:\n    - ${command}\n`;

/** A document without a fault, and one change that spoils it. */
export type Pair = readonly [
  what: string,
  right: string,
  fragment: string,
  instead: string,
  says: string,
  aim?: Partial<Aim>,
];

export function lint(text: string, aim: Partial<Aim> = {}): Promise<Finding[]> {
  return lintDocument(text, "user-data", { release: "24.04", ...aim });
}

/** @returns what is found in both; nothing else than the one change tells them apart. */
export async function lintPair([what, right, fragment, instead, , aim]: Pair): Promise<{
  readonly right: readonly Finding[];
  readonly wrong: readonly Finding[];
}> {
  const wrong = right.replace(fragment, () => instead);
  if (wrong === right) throw new Error(`${what}: ${fragment} is not in the document`);
  return { right: await lint(right, aim), wrong: await lint(wrong, aim) };
}
