/** Templates: what they print, what they may not do, and what they say when a name is wrong. */
import { describe, expect, test } from "vitest";
import { ImagectlError } from "./errors.ts";
import { renderTemplate } from "./template.ts";

const view = {
  node: { hostname: "node1", address: "10.77.0.11", isGpu: true, isOld: false },
  all: {
    users: [
      { name: "alice", keys: ["k1", "k2"] },
      { name: "carol", keys: [] },
    ],
    empty: [],
  },
  params: { port: 22, banner: "<&'\">" },
};

function failure(source: string): ImagectlError {
  try {
    renderTemplate(source, view, "t.hbs");
  } catch (error) {
    if (error instanceof ImagectlError) return error;
    throw error;
  }
  throw new Error(`rendered without complaint: ${source}`);
}

describe("what templates print", () => {
  test.each([
    ["a text without braces stays as it is", "a { b } $x\n", "a { b } $x\n"],
    ["a value", "{{node.hostname}}!", "node1!"],
    ["a number", "Port {{params.port}}", "Port 22"],
    ["nothing is escaped: these are no web pages", "{{params.banner}}", "<&'\">"],
    ["a true #if", "{{#if node.isGpu}}yes{{else}}no{{/if}}", "yes"],
    ["a false #unless", "{{#unless node.isGpu}}yes{{else}}no{{/unless}}", "no"],
    ["an else-if chain", "{{#if node.isOld}}a{{else if node.isGpu}}b{{/if}}", "b"],
    ["a list", "{{#each all.users}}{{name}} {{/each}}", "alice carol "],
    ["a list in a list", "{{#each all.users}}{{#each keys}}{{this}};{{/each}}{{/each}}", "k1;k2;"],
    ["a name for the element", "{{#each all.users as |user|}}{{user.name}},{{/each}}", "alice,carol,"],
    ["the view around a list", "{{#each all.users}}{{../node.hostname}} {{/each}}", "node1 node1 "],
    ["first and last", "{{#each all.users}}{{#unless @first}}, {{/unless}}{{name}}{{/each}}", "alice, carol"],
    ["an empty list prints its else", "{{#each all.empty}}x{{else}}none{{/each}}", "none"],
    ["braces that are meant", "\\{{.Name}}", "{{.Name}}"],
    ["a line of its own leaves no empty line", "a\n{{#if node.isGpu}}\nb\n{{/if}}\nc\n", "a\nb\nc\n"],
  ])("%s", (_name, source, expected) => {
    expect(renderTemplate(source, view, "t.hbs").text).toBe(expected);
  });
});

describe("a name that the view does not have is an error, wherever it stands", () => {
  test.each([
    ["alone", "{{nodee}}", "nodee"],
    ["in a map", "x\n  {{node.hostnam}}", "t.hbs:2:5: the view has no node.hostnam"],
    ["in #if", "{{#if node.isGpuu}}x{{/if}}", "node.isGpuu"],
    ["in #unless", "{{#unless nodee.isGpu}}x{{/unless}}", "nodee"],
    ["in #each", "{{#each all.user}}x{{/each}}", "all.user"],
    ["inside an element", "{{#each all.users}}{{nam}}{{/each}}", "all.users.0.nam"],
    ["in an element's #if", "{{#each all.users}}{{#if isAdmin}}x{{/if}}{{/each}}", "isAdmin"],
    ["in a chained else", "{{#if node.isOld}}a{{else if node.isNew}}b{{/if}}", "node.isNew"],
    ["of every object's prototype", "{{node.constructor}}", "node.constructor"],
    ["of every object's prototype, in #if", "{{#if node.toString}}x{{/if}}", "node.toString"],
    ["of the prototype chain", "{{node.__proto__}}", "node.__proto__"],
  ])("%s", (_name, source, expected) => {
    const error = failure(source);
    expect(error.code).toBe("TEMPLATE_UNKNOWN_NAME");
    expect(error.message).toContain(expected);
  });
  test("the hint is the nearest name", () => {
    expect(failure("{{node.hostnam}}").hint).toBe("Did you mean: hostname");
  });
});

describe("what templates may not do", () => {
  test.each([
    ["a partial", "{{> other}}"],
    ["#with", "{{#with node}}x{{/with}}"],
    ["lookup", "{{lookup node 'hostname'}}"],
    ["log", "{{log node.hostname}}"],
    ["an unknown block", "{{#node}}x{{/node}}"],
    ["a sub-expression", "{{#if (eq node.hostname 'x')}}x{{/if}}"],
    ["an inline partial", "{{#*inline 'x'}}y{{/inline}}"],
    ["an option of #each", "{{#each all.users x=1}}y{{/each}}"],
    ["a literal", "{{'x'}}"],
    ["printing a list", "{{all.users}}"],
    ["printing a map", "{{node}}"],
    ["printing an element that is a map", "{{#each all.users}}{{this}}{{/each}}"],
    ["going over a text", "{{#each node.hostname}}x{{/each}}"],
    ["going over a map", "{{#each node}}x{{/each}}"],
    ["an open block", "{{#if node.isGpu}}x"],
  ])("%s", (_name, source) => {
    const error = failure(source);
    expect(error.code).toBe("TEMPLATE_INVALID");
    expect(error.message).toContain("t.hbs");
  });
});

describe("what a template reads", () => {
  test.each([
    ["nothing", "plain", []],
    ["a value", "{{params.port}}", ["params"]],
    ["in #if", "{{#if node.isGpu}}{{/if}}", ["node"]],
    ["in #each", "{{#each all.empty}}{{/each}}", ["all"]],
    ["from inside a list", "{{#each all.users}}{{../params.port}}{{/each}}", ["all", "params"]],
    ["through the root", "{{@root.node.hostname}}", ["node"]],
    ["not in a branch that is not taken", "{{#if node.isOld}}{{params.port}}{{/if}}", ["node"]],
  ])("%s", (_name, source, expected) => {
    expect([...renderTemplate(source, view, "t.hbs").reads].sort()).toEqual(expected);
  });
});
