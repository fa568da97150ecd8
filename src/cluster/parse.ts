/** `cluster.yaml` -> ClusterConfig, or every problem of the file at once, each with its place. */
import { type Finding, ImagectlError, inFileOrder } from "../errors.ts";
import { parseYamlFile, type YamlFile, type YamlPath } from "../yaml-file.ts";
import { checkShape } from "../yaml-shape.ts";
import { checkAcrossFile } from "./check.ts";
import type { ClusterConfig, DataDisk, DiskMatch, DiskPolicy, Requirements, RoleChoice } from "./config.ts";
import type { DiskPolicy as FilePolicy } from "./disk-schema.ts";
import { ClusterFile, LooseClusterFile } from "./schema.ts";

type FileDataDisk = NonNullable<FilePolicy["data"]>[number];

export type ParsedCluster = {
  readonly fileName: string;
  /** Absent when a finding is an error. */
  readonly cluster?: ClusterConfig;
  readonly findings: readonly Finding[];
  /** The groups whose system and roles could be read, also where there is no `cluster`. */
  readonly roleChoices: readonly RoleChoice[];
  /** `file:line:column` of a path such as `groups.gpu.roles.0`, for findings that are made later. */
  where(path: YamlPath): string;
};

/**
 * Reads the text of a cluster file.
 * @param fileName as the operator typed it; stands in every finding.
 */
export function parseCluster(text: string, fileName: string): ParsedCluster {
  const file = withEmptyNodes(parseYamlFile(text, fileName));
  const { value, findings: shape } = checkShape(file, ClusterFile);
  const loose = LooseClusterFile.safeParse(file.value);
  const across = loose.success ? checkAcrossFile(file, loose.data) : [];
  const findings = inFileOrder([...shape, ...across]);
  const isSound = value !== undefined && !findings.some((finding) => finding.severity === "error");
  const roleChoices = loose.success ? toRoleChoices(loose.data) : [];
  return {
    fileName,
    ...(isSound ? { cluster: toConfig(value) } : {}),
    findings,
    roleChoices,
    where: file.where,
  };
}

/** `nodes:` with nothing but comments below it, as \`imagectl init\` writes it: there are none yet. */
function withEmptyNodes(file: YamlFile): YamlFile {
  const { value } = file;
  if (value === null || typeof value !== "object" || !("nodes" in value) || value.nodes !== null) return file;
  return { ...file, value: { ...value, nodes: {} } };
}

/**
 * @returns the cluster of a file without errors.
 * @throws ImagectlError CLUSTER_INVALID with every finding.
 */
export function requireCluster(parsed: ParsedCluster, fileName: string): ClusterConfig {
  if (parsed.cluster !== undefined) return parsed.cluster;
  throw new ImagectlError("CLUSTER_INVALID", `${fileName} cannot be used as it is`, {
    hint: `Mend what is listed, then: imagectl validate ${fileName}`,
    findings: parsed.findings,
  });
}

function toConfig(file: ClusterFile): ClusterConfig {
  const { network, bastion } = file;
  return {
    name: file.cluster,
    domain: network.domain,
    subnet: network.subnet,
    dns: network.dns,
    ...(network.gateway === undefined ? {} : { gateway: network.gateway }),
    ...(network.pool === undefined ? {} : { pool: network.pool }),
    bastion: toBastion(bastion),
    outsider: network.outsider,
    users: Object.entries(file.users).map(([name, user]) => ({ name, ...user })),
    groups: Object.entries(file.groups).map(([name, { disk, requires, userData, link, ...group }]) => ({
      name,
      ...group,
      ...(link === undefined ? {} : { link }),
      disk: toPolicy(disk),
      requires: toRequirements(requires),
      ...(userData === undefined ? {} : { userData }),
    })),
    nodes: Object.entries(file.nodes).map(([name, { disk, os, link, nics, ...node }]) => ({
      name,
      ...node,
      ...(link === undefined ? {} : { link }),
      nics: Object.entries(nics).map(([nic, entry]) => ({ name: nic, ...entry })),
      ...(os === undefined ? {} : { os }),
      ...(disk === undefined ? {} : { disk: toPolicy(disk) }),
    })),
  };
}

function toRoleChoices({ groups }: LooseClusterFile): RoleChoice[] {
  return Object.entries(groups).flatMap(([name, { os, roles, params = {} }]) =>
    os === undefined || roles === undefined ? [] : [{ name, os, roles, params }],
  );
}

function toBastion({ group, ...place }: ClusterFile["bastion"]): ClusterConfig["bastion"] {
  return { ...place, ...(group === undefined ? {} : { group }) };
}

function toRequirements({ ram, ...counts }: ClusterFile["groups"][string]["requires"]): Requirements {
  const given = Object.entries({ ramBytes: ram, ...counts });
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}

function toPolicy({ match, mirror, data }: FilePolicy): DiskPolicy {
  return {
    match: toMatch(match),
    ...(mirror === undefined ? {} : { mirror: { match: toMatch(mirror.match) } }),
    ...(data === undefined ? {} : { data: data.map(toDataDisk) }),
  };
}

function toDataDisk({ match, mount, policy, filesystem = "ext4" }: FileDataDisk): DataDisk {
  const place = { match: toMatch(match), mount };
  return policy === "keep" ? { ...place, policy } : { ...place, policy, filesystem };
}

function toMatch({ minSize, maxSize, ...patterns }: FilePolicy["match"]): DiskMatch {
  const given = Object.entries({ ...patterns, minBytes: minSize, maxBytes: maxSize });
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}
