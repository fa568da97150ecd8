/** (ClusterConfig, RoleCatalogue) -> NodePlan; every conflict between roles is found here. */
import type { MacAddress } from "../address.ts";
import type { ClusterConfig, Group, RoleChoice } from "../cluster/config.ts";
import { linkOf } from "../cluster/link.ts";
import { type Finding, ImagectlError, throwOnErrors } from "../errors.ts";
import type { Role, RoleCatalogue } from "../roles/role.ts";
import { findConflicts } from "./conflicts.ts";
import { findMissingForDisks } from "./disk-packages.ts";
import { layOut } from "./layers.ts";
import { collectMonitoring, type Monitoring } from "./monitoring.ts";
import type { ClusterTrust, NodePlan, PlannedFile } from "./plan.ts";
import { type SelectedRole, type Selection, selectRoles, type Where } from "./select.ts";
import { checksOfBastion, explainForBastion, findSubject, type PlanSubject, subjectsOf } from "./subject.ts";
import { collectFirewall, makeView } from "./view.ts";

export type PlanInput = {
  readonly cluster: ClusterConfig;
  readonly roles: RoleCatalogue;
  readonly trust: ClusterTrust;
  /** Those for which there is a recipe of a golden image: `debian-12`. */
  readonly operatingSystems: readonly string[];
  /** Those whose installer is a vendor's ISO: `ubuntu-24.04`. Not every role was proved on them. Absent: none. */
  readonly installedSystems?: readonly string[];
  /** Makes the files of a group's user-data; from the room above that knows cloud-init. */
  readonly makeSeed: MakeSeed;
  /** `file:line:column` of a path in the cluster file; without it, findings name the path. */
  readonly where?: Where;
};

export type MakeSeed = (
  subject: { readonly hostname: string; readonly userData: string },
  where: string,
) => { readonly files: readonly PlannedFile[]; readonly findings: readonly Finding[] };

/**
 * Decides everything about one node. Pure: equal input, equal bytes.
 * @throws ImagectlError NODE_UNKNOWN, or PLAN_INVALID with every reason.
 */
export function planNode(input: PlanInput, nodeName: string): NodePlan {
  const { cluster } = input;
  const node = findSubject(cluster, nodeName);
  const group = groupOf(cluster, node);
  const selection = select(input, group, node);
  const monitoring = collectMonitoring(cluster, input.roles);
  const { plan, findings } = layOutNode({ ...input, monitoring }, node, group, selection);
  throwOnErrors("PLAN_INVALID", node.name, [...input.roles.findings, ...selection.findings, ...findings]);
  return plan;
}

/**
 * Plans every node of the cluster for what could be wrong with it.
 * @returns all findings, those of the role folders included, each once.
 */
export function checkPlans(planInput: PlanInput): Finding[] {
  const input = { ...planInput, monitoring: collectMonitoring(planInput.cluster, planInput.roles) };
  const subjects = subjectsOf(input.cluster);
  const findings = input.cluster.groups.flatMap((group) => {
    const selection = select(input, group);
    const members = subjects.filter((node) => node.group === group.name);
    return [
      ...selection.findings,
      ...methodFindings(input.where ?? ((path) => path), group),
      ...members.flatMap((node) => {
        if (node.os === undefined) return layOutNode(input, node, group, selection).findings;
        const own = groupOf(input.cluster, node);
        const ownSelection = select(input, own, node);
        return [...ownSelection.findings, ...layOutNode(input, node, own, ownSelection).findings];
      }),
    ];
  });
  return uniqueFindings([...input.roles.findings, ...findings]);
}

/**
 * Checks the roles that groups ask for, and no node: what there is to say of a file that is no cluster yet.
 * @returns all findings, those of the role folders included, each once.
 */
export function checkRoleChoices(
  choices: readonly RoleChoice[],
  input: Pick<PlanInput, "roles" | "operatingSystems" | "installedSystems" | "where">,
): Finding[] {
  const findings = choices.flatMap((choice) => select(input, choice).findings);
  return uniqueFindings([...input.roles.findings, ...findings]);
}

/** What the node gets from its group, with what it says itself. */
function groupOf(cluster: ClusterConfig, node: PlanSubject): Group {
  const group = cluster.groups.find(({ name }) => name === node.group);
  if (group === undefined) {
    throw new ImagectlError(
      "GROUP_UNKNOWN",
      `${node.name} is in a group that does not exist: ${node.group}`,
      {
        hint: "Find every such line with: imagectl validate",
      },
    );
  }
  return node.os === undefined ? group : { ...group, os: node.os };
}

/** @param node whose own operating system is meant, for the place of what is wrong with it. */
function select(
  input: Pick<PlanInput, "roles" | "operatingSystems" | "installedSystems" | "where">,
  group: RoleChoice,
  node?: PlanSubject,
): Selection {
  const inFile = input.where ?? ((path) => path);
  const where: Where = (path) =>
    node?.os !== undefined && path === `groups.${group.name}.os`
      ? inFile(`nodes.${node.name}.os`)
      : inFile(path);
  const known = [...new Set([...input.operatingSystems, ...(input.installedSystems ?? [])])];
  const selection = selectRoles(group, input.roles, known, where);
  return { roles: selection.roles, findings: [...selection.findings, ...findConflicts(selection.roles)] };
}

type Monitored = PlanInput & { readonly monitoring: Monitoring };

function layOutNode(input: Monitored, node: PlanSubject, group: Group, { roles }: Selection) {
  const { cluster, trust, monitoring } = input;
  const firewall = collectFirewall(roles, node);
  const view = makeView({ cluster, group, node, trust, firewall, monitoring });
  const { image, node: nodeLayer, checks, findings } = layOut(roles, view);
  const allOf = (listOf: (role: Role) => readonly string[]): string[] =>
    [...new Set(roles.flatMap(({ role }) => listOf(role)))].sort();
  const packages = allOf((role) => role.packages);
  const components = allOf((role) => role.components);
  const buildPackages = allOf((role) => role.buildPackages).filter((name) => !packages.includes(name));
  const archives = roles
    .flatMap(({ role }) => role.archives)
    .sort((left, right) => (left.name < right.name ? -1 : 1));
  const buildFiles = [
    ...new Map(roles.flatMap((role) => role.buildFiles).map((file) => [file.sha256, file])).values(),
  ].sort((left, right) => (left.sha256 < right.sha256 ? -1 : 1));
  const seed = seedOf(input, node, group, packages);
  const plan: NodePlan = {
    image: {
      ...{ os: group.os, arch: "amd64", packages },
      ...(components.length === 0 ? {} : { components }),
      ...(archives.length === 0 ? {} : { archives }),
      ...(buildPackages.length === 0 ? {} : { buildPackages }),
      ...(buildFiles.length === 0 ? {} : { buildFiles }),
      ...image,
    },
    node: {
      hostname: node.name,
      domain: cluster.domain,
      group: group.name,
      ...(node.mac === undefined ? {} : { mac: node.mac }),
      address: node.address,
      prefixLength: cluster.subnet.prefixLength,
      bastionAddress: cluster.bastion.address,
      outsiderAddress: cluster.outsider,
      method: group.method,
      ...(group.installer === undefined ? {} : { installer: group.installer }),
      disk: node.disk ?? group.disk,
      requires: group.requires,
      requiredMacs: requiredMacs(node, group),
      restart: group.restart,
      kernelArguments: group.kernelArguments,
      firewall,
      checks: node.isBastion ? checksOfBastion(checks) : checks,
      ...nodeLayer,
      files: [...nodeLayer.files, ...seed.files].sort((left, right) => (left.path < right.path ? -1 : 1)),
    },
  };
  const where = input.where ?? ((path) => path);
  const explained = node.isBastion ? explainForBastion(findings, roles, group, where) : findings;
  const missing = [
    ...findMissingForDisks({ node, group, packages, where }),
    ...imageFindings(where, group, roles),
    ...systemFindings(where, group, input),
  ];
  return {
    plan,
    findings: [...explained, ...seed.findings, ...missing, ...restartFindings(where, group, packages)],
  };
}

function requiredMacs({ mac, link, nics }: PlanSubject, group: Group): readonly MacAddress[] {
  const own =
    mac === undefined ? [] : linkOf({ mac, ...(link === undefined ? {} : { link }) }, group).members;
  const waitedFor = nics.filter(({ required }) => required).map((nic) => nic.mac);
  return [...new Set([...own, ...waitedFor])];
}

/** Said here, and not only when the first of its nodes is armed. */
function methodFindings(where: Where, { name, method, disk, restart }: Group): readonly Finding[] {
  if (method !== "installer") return [];
  const unserved = (path: string, message: string, hint: string): Finding => ({
    code: "METHOD_UNSERVED",
    where: where(`groups.${name}.${path}`),
    message,
    hint,
    severity: "error",
  });
  return [
    ...(disk.mirror === undefined
      ? []
      : [
          unserved(
            "disk.mirror",
            `an installer puts the system of ${name} on one disk, and not on a mirror`,
            "Take mirror out, or set method: golden",
          ),
        ]),
    ...(restart === "reboot"
      ? []
      : [
          unserved(
            "restart",
            `an installer is started through the firmware, and ${name} is restarted by kexec`,
            "Take restart: kexec out, or set method: golden",
          ),
        ]),
  ];
}

/** Systems whose installer comes as an ISO. */
function systemFindings(
  where: Where,
  { name, os, method }: Group,
  { operatingSystems, installedSystems = [] }: PlanInput,
): readonly Finding[] {
  if (!installedSystems.includes(os)) return [];
  if (method === "golden" && !operatingSystems.includes(os)) {
    return [
      {
        code: "METHOD_UNSERVED",
        where: where(`groups.${name}.os`),
        message: `there is no recipe for a golden image of ${os}`,
        hint: `Add to groups.${name}: method: installer`,
        severity: "error",
      },
    ];
  }
  if (method !== "installer") return [];
  return [
    {
      code: "INSTALLER_UNPROVED",
      where: where(`groups.${name}.method`),
      message: `the installer of ${os} was proved with a stand-in for its ISO, and not with the ISO`,
      hint: "Arm one node and read its checks before you arm the others: imagectl verify NODE; or set method: golden",
      severity: "warning",
    },
  ];
}

/** What comes into being in the build of an image cannot come to a machine that has none. */
function imageFindings(where: Where, group: Group, roles: readonly SelectedRole[]): readonly Finding[] {
  if (group.method === "golden") return [];
  return roles
    .filter(
      ({ role, buildFiles }) =>
        role.buildPackages.length > 0 || role.archives.length > 0 || buildFiles.length > 0,
    )
    .map(({ role: { name } }) => ({
      code: "ROLE_UNSUITABLE",
      where: where(`groups.${group.name}.roles.${group.roles.indexOf(name)}`),
      message: `the role ${name} is built into an image, and the group ${group.name} has none (method: ${group.method})`,
      hint: `Take ${name} out of groups.${group.name}.roles`,
      severity: "error",
    }));
}

/** The running system loads the deploy environment itself, with a tool that its image must have. */
function restartFindings(
  where: Where,
  { name, restart }: Group,
  packages: readonly string[],
): readonly Finding[] {
  if (restart !== "kexec" || packages.includes("kexec-tools")) return [];
  return [
    {
      code: "RESTART_UNSUPPORTED",
      where: where(`groups.${name}.restart`),
      message: `the group ${name} restarts by kexec, but none of its roles installs kexec-tools`,
      hint: "List a role that installs it under roles:, such as our fast-restart, or take restart: kexec out.",
      severity: "error",
    },
  ];
}

/** cloud-init costs seconds of every boot, so only a group that gives user-data needs it, and then it must be there. */
function seedOf(input: PlanInput, node: PlanSubject, { name, userData }: Group, packages: readonly string[]) {
  if (userData === undefined) return { files: [], findings: [] };
  const where = (input.where ?? ((path) => path))(`groups.${name}.userData`);
  const { files, findings } = input.makeSeed({ hostname: node.name, userData }, where);
  if (packages.includes("cloud-init")) return { files, findings };
  const missing: Finding = {
    code: "USER_DATA_INVALID",
    where,
    message: `the group ${name} has userData, but none of its roles installs cloud-init`,
    hint: "List a role that installs it under roles:, such as our userdata, or take userData out.",
    severity: "error",
  };
  return { files, findings: [...findings, missing] };
}

/** Fifty nodes of one group have the same problem once. */
function uniqueFindings(findings: readonly Finding[]): Finding[] {
  return [...new Map(findings.map((finding) => [`${finding.where} ${finding.message}`, finding])).values()];
}
