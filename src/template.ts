/** Templates decide nothing: Handlebars with only #if, #unless and #each, over a view that throws on unknown names. */
import Handlebars from "handlebars";
import { ImagectlError } from "./errors.ts";
import { hintForName } from "./nearest.ts";

/** Ready values: texts, numbers, booleans, lists and maps of them. Nothing in it is null or undefined. */
export type View = { readonly [name: string]: unknown };

export type Rendered = {
  readonly text: string;
  /** Which names of the view's top level were looked at. */
  readonly reads: ReadonlySet<string>;
};

const blocks = ["if", "unless", "each"];

const engine = Handlebars.create();
const builtinEach = engine.helpers.each as (this: unknown, list: unknown, options: unknown) => unknown;
engine.registerHelper("each", function (this: unknown, list: unknown, options: unknown) {
  // The built-in one prints nothing for a text and follows insertion order for a map.
  if (!Array.isArray(list)) throw new TypeError("#each goes over lists only");
  return builtinEach.call(this, list, options);
});

type Compiled = {
  readonly render: (view: unknown) => string;
  /** Where each path of the template stands, by its last name: for messages. */
  readonly places: ReadonlyMap<string, string>;
};

/** Compiling costs far more than rendering, and a cluster renders the same templates for every node. */
const compiledTemplates = new Map<string, Compiled>();

/**
 * Renders a template.
 * @param name says where the template is from, in messages: `templates/roles/…/files/etc/hosts.hbs`.
 * @throws ImagectlError TEMPLATE_UNKNOWN_NAME when it reads what the view does not have (also in #if and #each),
 *   TEMPLATE_INVALID when it is no template, uses anything but #if, #unless and #each, or prints a list or a map.
 */
export function renderTemplate(source: string, view: View, name: string): Rendered {
  if (!source.includes("{{")) return { text: source, reads: new Set() };
  const compiled = compile(source, name);
  const reads = new Set<string>();
  try {
    return { text: compiled.render(strictView(view, { name, places: compiled.places, reads })), reads };
  } catch (error) {
    if (error instanceof ImagectlError) throw error;
    throw invalid(name, error instanceof Error ? error.message : String(error), error);
  }
}

function compile(source: string, name: string): Compiled {
  const known = compiledTemplates.get(source);
  if (known !== undefined) return known;
  let compiled: Compiled;
  try {
    const places = checkSyntax(engine.parse(source), name);
    const render = engine.compile(source, {
      noEscape: true,
      strict: true,
      knownHelpersOnly: true,
      knownHelpers: { if: true, unless: true, each: true },
    }) as (view: unknown) => string;
    // Compilation is lazy: only the first call would find what the parser lets through.
    compiled = { render, places };
  } catch (error) {
    if (error instanceof ImagectlError) throw error;
    throw invalid(name, error instanceof Error ? error.message : String(error), error);
  }
  compiledTemplates.set(source, compiled);
  return compiled;
}

function invalid(where: string, message: string, cause?: unknown): ImagectlError {
  const hint = "Templates have {{name}}, #if, #unless and #each over lists; see docs/roles.md.";
  return failure("TEMPLATE_INVALID", where, message, hint, cause);
}

/** The error carries its finding, so that a caller with many templates can show all of them together. */
function failure(
  code: "TEMPLATE_INVALID" | "TEMPLATE_UNKNOWN_NAME",
  where: string,
  message: string,
  hint: string,
  cause?: unknown,
): ImagectlError {
  const findings = [{ code, where, message, hint, severity: "error" as const }];
  return new ImagectlError(code, `${where}: ${message}`, { hint, cause, findings });
}

/** Refuses what a template must not have, and notes where each name is read. */
function checkSyntax(program: hbs.AST.Program, name: string): ReadonlyMap<string, string> {
  const places = new Map<string, string>();
  const at = (node: hbs.AST.Node) => `:${node.loc.start.line}:${node.loc.start.column + 1}`;
  const refuse = (what: string) => (node: hbs.AST.Node) => {
    throw invalid(`${name}${at(node)}`, `${what} is not part of our templates`);
  };
  const visitor = new Handlebars.Visitor();
  const visitPath = visitor.PathExpression;
  const visitBlock = visitor.BlockStatement;
  const visitMustache = visitor.MustacheStatement;
  visitor.PathExpression = function (path) {
    const last = path.parts.at(-1);
    if (last !== undefined && !places.has(last)) places.set(last, at(path));
    visitPath.call(this, path);
  };
  visitor.BlockStatement = function (block) {
    if (!blocks.includes(block.path.original)) refuse(`#${block.path.original}`)(block);
    if (block.params.length !== 1 || block.hash !== undefined)
      refuse(`#${block.path.original} with options`)(block);
    visitBlock.call(this, block);
  };
  visitor.MustacheStatement = function (mustache) {
    if (mustache.params.length > 0 || mustache.hash !== undefined) refuse("a helper")(mustache);
    if (mustache.path.type !== "PathExpression") refuse("a literal in braces")(mustache);
    visitMustache.call(this, mustache);
  };
  visitor.SubExpression = refuse("a sub-expression");
  visitor.PartialStatement = refuse("a partial");
  visitor.PartialBlockStatement = refuse("a partial");
  visitor.Decorator = refuse("a decorator");
  visitor.DecoratorBlock = refuse("a decorator");
  visitor.accept(program);
  return places;
}

type Watch = {
  readonly name: string;
  readonly places: ReadonlyMap<string, string>;
  readonly reads: Set<string>;
};

function strictView(view: View, watch: Watch): unknown {
  return strict(view, [], watch);
}

/** Handlebars' own strict mode is silent inside #if and #each: it asks the object, so the object must answer. */
function strict(value: unknown, path: readonly string[], watch: Watch): unknown {
  if (value === null || value === undefined) throw unknownName(path, [], watch);
  if (typeof value !== "object") return value;
  return new Proxy(value, {
    get(target, key) {
      if (key === Symbol.toPrimitive)
        throw invalid(watch.name, `${path.join(".")} is a ${kindOf(target)}: name a value in it`);
      if (typeof key === "symbol" || (Array.isArray(target) && key === "length"))
        return Reflect.get(target, key);
      return strict(own(target, key, path, watch), [...path, key], watch);
    },
    has(target, key) {
      if (typeof key === "string") own(target, key, path, watch);
      return true;
    },
  });
}

function own(target: object, key: string, path: readonly string[], watch: Watch): unknown {
  if (!Object.hasOwn(target, key)) throw unknownName([...path, key], Object.keys(target), watch);
  if (path.length === 0) watch.reads.add(key);
  return Reflect.get(target, key);
}

function kindOf(value: object): string {
  return Array.isArray(value) ? "list" : "map";
}

function unknownName(path: readonly string[], known: readonly string[], watch: Watch): ImagectlError {
  const last = path.at(-1) ?? "";
  const place = `${watch.name}${watch.places.get(last) ?? ""}`;
  return failure(
    "TEMPLATE_UNKNOWN_NAME",
    place,
    `the view has no ${path.join(".")}`,
    hintForName(last, known),
  );
}
