/** Renders the roles of a node and sorts what comes out into the image layer and the node layer. */
import { type Finding, ImagectlError } from "../errors.ts";
import { placeKey } from "../roles/places.ts";
import type {
  Check,
  Role,
  RoleCommand,
  RoleFile,
  RoleSecret,
  RoleService,
  RoleValidator,
} from "../roles/role.ts";
import { renderTemplate, type View } from "../template.ts";
import { renderCheck } from "./checks.ts";
import { placeIn } from "./conflicts.ts";
import { isReadableByAll, markSecrets, type SecretOffset } from "./mark-secrets.ts";
import type {
  Layer,
  PlannedCommand,
  PlannedFile,
  PlannedService,
  PlannedValidator,
  SecretPlace,
} from "./plan.ts";
import type { SelectedRole } from "./select.ts";
import { readsNode } from "./view.ts";

type LayerName = "image" | "node";

export type Layered = {
  readonly image: Layer;
  readonly node: Layer;
  readonly checks: readonly Check[];
  readonly findings: readonly Finding[];
};

type RenderedText = {
  readonly text: string;
  readonly layer: LayerName;
  readonly secrets: readonly SecretOffset[];
};

/** One role while it is laid out. What goes wrong is noted in `findings`, so that all of it is shown together. */
type Context = {
  readonly role: Role;
  readonly view: View;
  readonly layerOfPath: ReadonlyMap<string, LayerName>;
  readonly findings: Finding[];
};

type Placed<Entry> = { readonly layer: LayerName; readonly entry: Entry };

/**
 * @param roles in the order in which they are applied.
 * @param view everything but `params`, which are each role's own.
 */
export function layOut(roles: readonly SelectedRole[], view: View): Layered {
  const findings: Finding[] = [];
  const layerOfPath = new Map<string, LayerName>();
  const contexts = roles.map(
    ({ role, params }): Context => ({ role, view: { ...view, params }, layerOfPath, findings }),
  );
  const files = contexts.flatMap((context) => context.role.files.map((file) => placeFile(context, file)));
  for (const { layer, entry } of files) layerOfPath.set(entry.path, layer);
  const commands = contexts.flatMap((context) =>
    context.role.commands.flatMap((item) => placeCommand(context, item)),
  );
  const validators = contexts.flatMap((context) =>
    context.role.validators.flatMap((item) => placeValidator(context, item)),
  );
  const services = contexts.flatMap((context) =>
    context.role.services.flatMap((item) => placeService(context, item)),
  );
  const checks = contexts.flatMap((context) => context.role.checks.map((check) => makeCheck(context, check)));
  const layer = (name: LayerName): Layer => ({
    files: pick(files, name).sort((left, right) => (left.path < right.path ? -1 : 1)),
    commands: pick(commands, name),
    services: pick(services, name),
    validators: pick(validators, name),
  });
  return { image: layer("image"), node: layer("node"), checks, findings };
}

function pick<Entry>(placed: readonly Placed<Entry>[], layer: LayerName): Entry[] {
  return placed.filter((item) => item.layer === layer).map((item) => item.entry);
}

/** Renders a text of role.yaml or checks.yaml, whose line is that of the thing that `key` names. */
function renderScript(context: Context, key: string, source: string): RenderedText {
  const place = placeIn(context.role, key);
  const rendered = render(context, source, key, (finding) => ({
    ...finding,
    where: place,
    message: `${finding.where}: ${finding.message}`,
  }));
  if (rendered.secrets.length > 0) {
    const message = `${key}: it reads a secret, and what runs can be seen by everyone on the machine`;
    note(
      context,
      place,
      message,
      "Write the secret to a file of the role, and let the script read that file.",
    );
  }
  return rendered;
}

function note({ findings }: Context, where: string, message: string, hint: string): void {
  findings.push({ code: "SECRET_MISPLACED", where, message, hint, severity: "error" });
}

function render(
  { role, view, findings }: Context,
  source: string,
  name: string,
  relocate: (finding: Finding) => Finding,
): RenderedText {
  try {
    const names = role.secrets.map((secret) => secret.name);
    const { text, reads, secrets } = markSecrets(names, (values) =>
      renderTemplate(source, { ...view, secrets: values }, name),
    );
    return { text, layer: readsNode(reads) ? "node" : "image", secrets };
  } catch (error) {
    if (!(error instanceof ImagectlError)) throw error;
    findings.push(...error.findings.map(relocate));
    return { text: source, layer: "image", secrets: [] };
  }
}

function placeFile(context: Context, file: RoleFile): Placed<PlannedFile> {
  const { isTemplate, source, content, ...rest } = file;
  const entry = { ...rest, role: context.role.name };
  if (!isTemplate) return { layer: "image", entry: { ...entry, content } };
  const { text, layer, secrets } = render(context, content, source, (finding) => finding);
  if (secrets.length === 0) return { layer, entry: { ...entry, content: text } };
  if (isReadableByAll(file.mode)) {
    const hint = `Say in role.yaml: fileModes: {${file.path}: {mode: "0600"}}`;
    note(context, `${source}:1:1`, `${file.path} holds a secret and everybody may read it`, hint);
  }
  const places = secrets.map((offset) => placeSecret(context, offset));
  return { layer, entry: { ...entry, content: text, secrets: places } };
}

function placeSecret(context: Context, offset: SecretOffset): SecretPlace {
  const { name, scope, make } = context.role.secrets.find(
    (secret) => secret.name === offset.name,
  ) as RoleSecret;
  const command = renderScript(context, placeKey.secret(name), make).text;
  return { name, scope, make: command, start: offset.start, end: offset.end };
}

function placeCommand(context: Context, command: RoleCommand): Placed<PlannedCommand>[] {
  const key = placeKey.command(command.name);
  const run = renderScript(context, key, command.run);
  const unless = command.unless === undefined ? undefined : renderScript(context, key, command.unless);
  const own = run.layer === "node" || unless?.layer === "node" ? "node" : "image";
  const entry = { name: command.name, run: run.text, role: context.role.name };
  if (unless !== undefined) return [{ layer: own, entry: { ...entry, unless: unless.text } }];
  return placeByPaths(context, key, own, command.onChange ?? []).map(({ layer, paths }) => ({
    layer,
    entry: { ...entry, onChange: paths },
  }));
}

function placeValidator(context: Context, validator: RoleValidator): Placed<PlannedValidator>[] {
  const key = placeKey.validator(validator.name);
  const run = renderScript(context, key, validator.run);
  return placeByPaths(context, key, run.layer, validator.paths).map(({ layer, paths }) => ({
    layer,
    entry: { name: validator.name, run: run.text, paths, role: context.role.name },
  }));
}

/** State belongs to the image; the node layer repeats a service only for its files there. */
function placeService(context: Context, service: RoleService): Placed<PlannedService>[] {
  const { image, node } = sortPaths(context, placeKey.service(service.unit), service.onChange);
  const entry = { ...service, role: context.role.name };
  return [
    { layer: "image", entry: { ...entry, onChange: image } },
    ...(node.length === 0 ? [] : [{ layer: "node" as const, entry: { ...entry, onChange: node } }]),
  ];
}

function makeCheck(context: Context, check: Check): Check {
  return renderCheck(check, (text) => renderScript(context, placeKey.check(check.name), text).text);
}

/**
 * What watches paths acts in each layer that holds one of them: apply only sees its own layer change.
 * @param own `node` when it is itself made for one node and so cannot be in the image.
 */
function placeByPaths(context: Context, key: string, own: LayerName, watched: readonly string[]) {
  const paths = sortPaths(context, key, watched);
  const layers: readonly LayerName[] = own === "node" ? ["node"] : ["image", "node"];
  const placed = layers
    .filter((layer) => paths[layer].length > 0)
    .map((layer) => ({ layer, paths: paths[layer] }));
  if (placed.length === 0 && paths.image.length > 0) {
    const message = `${key}: it is made for one node but watches only files of the image, so it would never run`;
    noteUseless(context, key, message, "Let one of its files read the view as well, or use unless: instead.");
  }
  return placed;
}

function sortPaths(context: Context, key: string, paths: readonly string[]): Record<LayerName, string[]> {
  for (const path of paths) {
    if (context.layerOfPath.has(path)) continue;
    const message = `${key}: it watches ${path}, which no role of the group writes`;
    noteUseless(context, key, message, `Correct the path, or let the role write that file: files${path}`);
  }
  const inLayer = (layer: LayerName) => paths.filter((path) => context.layerOfPath.get(path) === layer);
  return { image: inLayer("image"), node: inLayer("node") };
}

function noteUseless({ role, findings }: Context, key: string, message: string, hint: string): void {
  findings.push({ code: "ROLE_NEVER_ACTS", where: placeIn(role, key), message, hint, severity: "error" });
}
