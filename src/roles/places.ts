/** Where each named thing of a role stands: for findings that are made after its parts were merged. */
import type { YamlFile } from "../yaml-file.ts";
import type { CheckDefinition } from "./checks-schema.ts";
import type { FirewallRule } from "./role.ts";
import type { OsVariant, RoleYaml } from "./schema.ts";

/** Names of the things in a role's `places`. */
export const placeKey = {
  package: (name: string) => `package ${name}`,
  archive: (name: string) => `archive ${name}`,
  service: (unit: string) => `service ${unit}`,
  firewall: ({ direction, protocol, port }: Pick<FirewallRule, "direction" | "protocol" | "port">) =>
    `port ${port}/${protocol} ${direction}`,
  command: (name: string) => `command ${name}`,
  validator: (name: string) => `validator ${name}`,
  check: (name: string) => `check ${name}`,
  scrape: (job: string) => `scrape ${job}`,
  secret: (name: string) => `secret ${name}`,
};

type Lists = Omit<OsVariant, "fileModes" | "params" | "components" | "buildPackages">;

/** @returns `file:line:column` by placeKey. */
export function placesOfRole(file: YamlFile, role: RoleYaml): Record<string, string> {
  const levels: [string[], Lists][] = [
    [[], role],
    ...Object.entries(role.byOs).map(([level, variant]): [string[], Lists] => [["byOs", level], variant]),
  ];
  const secrets = role.secrets.map(({ name }, index): [string, string] => [
    placeKey.secret(name),
    file.where(["secrets", index]),
  ]);
  const scrapes = role.scrapes.map(({ job }, index): [string, string] => [
    placeKey.scrape(job),
    file.where(["scrapes", index]),
  ]);
  const lists = levels.flatMap(([path, level]) => placesOfLists(file, path, level));
  return Object.fromEntries([...secrets, ...scrapes, ...lists]);
}

export function placesOfChecks(file: YamlFile, checks: readonly CheckDefinition[]): Record<string, string> {
  return Object.fromEntries(checks.map(({ name }, index) => [placeKey.check(name), file.where([index])]));
}

function placesOfLists(file: YamlFile, path: readonly string[], lists: Lists): [string, string][] {
  const names: Record<keyof Lists, readonly string[]> = {
    packages: lists.packages.map(placeKey.package),
    archives: lists.archives.map(({ name }) => placeKey.archive(name)),
    services: lists.services.map(({ unit }) => placeKey.service(unit)),
    firewall: lists.firewall.map(placeKey.firewall),
    commands: lists.commands.map(({ name }) => placeKey.command(name)),
    validators: lists.validators.map(({ name }) => placeKey.validator(name)),
  };
  return Object.entries(names).flatMap(([list, keys]) =>
    keys.map((key, index): [string, string] => [key, file.where([...path, list, index])]),
  );
}
