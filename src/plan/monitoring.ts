/** What the roles of a whole cluster want watched: every machine to ask, every rule to judge by. */
import { ipv4ToNumber } from "../address.ts";
import type { ClusterConfig } from "../cluster/config.ts";
import type { AlertGroup, Role, RoleCatalogue, RoleScrape } from "../roles/role.ts";
import { subjectsOf } from "./subject.ts";

/** One machine, asked for one thing. */
export type ScrapeTarget = RoleScrape & {
  readonly role: string;
  readonly hostname: string;
  readonly fqdn: string;
  readonly address: string;
  readonly group: string;
};

export type Monitoring = {
  /** By address, then by job. */
  readonly scrapes: readonly ScrapeTarget[];
  /** By role; each role's rules once, however many groups have it. */
  readonly alerts: readonly (AlertGroup & { readonly role: string })[];
};

/** @returns what the roles of all groups say that have a machine: rules about what nobody has would only cry. */
export function collectMonitoring(cluster: ClusterConfig, catalogue: RoleCatalogue): Monitoring {
  const machines = subjectsOf(cluster).sort(
    (left, right) => ipv4ToNumber(left.address) - ipv4ToNumber(right.address),
  );
  const rolesOfGroup = new Map(
    cluster.groups
      .filter(({ name }) => machines.some(({ group }) => group === name))
      .map(({ name, os, roles }) => [name, roles.flatMap((role) => catalogue.role(role, os) ?? [])]),
  );
  const scrapes = machines.flatMap(({ name, address, group }) =>
    (rolesOfGroup.get(group) ?? [])
      .flatMap((role) => role.scrapes.map((scrape) => ({ ...scrape, role: role.name })))
      .sort((left, right) => (left.job < right.job ? -1 : 1))
      .map((scrape) => ({ ...scrape, hostname: name, fqdn: `${name}.${cluster.domain}`, address, group })),
  );
  const roles = new Map([...rolesOfGroup.values()].flat().map((role): [string, Role] => [role.name, role]));
  const alerts = [...roles.values()]
    .sort((left, right) => (left.name < right.name ? -1 : 1))
    .flatMap((role) => role.alerts.map((group) => ({ ...group, role: role.name })));
  return { scrapes, alerts };
}
