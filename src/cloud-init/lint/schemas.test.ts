/**
 * Our tables against the schemas of the installer, curtin and cloud-init, which are not part of this project: they lie
 * in ../shared/data, or in $IMAGECTL_SHARED/data. Skipped where they are not.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv } from "ajv";
import { beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { packageRoot } from "../../paths.ts";
import { parseYamlFile } from "../../yaml-file.ts";
import { autoinstallRequest } from "../autoinstall.test-data.ts";
import { makeAutoinstall, makeUserData } from "../autoinstall.ts";
import { actionTypes, actionWords } from "./actions.ts";
import { autoinstallShape } from "./autoinstall-shape.ts";
import { lintDocument } from "./lint.ts";
import { parseMachine } from "./machine.ts";
import { isMap } from "./place.ts";
import type { Shape } from "./shape.ts";
import { cases, plain } from "./test-documents.ts";
import { cloudConfigKeys } from "./user-data-shape.ts";

const data = join(process.env.IMAGECTL_SHARED ?? join(packageRoot, "../shared"), "data");

type Schema = {
  readonly properties: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean;
  readonly required?: readonly string[];
};

const readText = (name: string): string => readFileSync(join(data, name), "utf8");
const readSchema = (name: string) => JSON.parse(readText(`schemas/${name}.json`));

/** @returns what the schema says against the value; nothing when it is valid. */
function refuse(schema: object, value: unknown): string[] {
  const { $schema: _dialect, ...rest } = schema as { $schema?: string };
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
  const validate = ajv.compile(rest);
  return validate(value) ? [] : (validate.errors ?? []).map((each) => `${each.instancePath} ${each.message}`);
}

type Document = Readonly<Record<string, unknown>> & {
  readonly storage?: { readonly config?: readonly Readonly<Record<string, unknown>>[] };
};

/** The installer's part of a case; `undefined` for what is no YAML. */
function documentOf(file: string): Document | undefined {
  const { value } = parseYamlFile(readFileSync(join(cases, file), "utf8"), file, { version: "1.1" });
  if (!isMap(value)) return undefined;
  return (isMap(value.autoinstall) ? value.autoinstall : value) as Document;
}

const casesOf = (ending: string): string[] => readdirSync(cases).filter((file) => file.endsWith(ending));

/** What the installer makes of an action before curtin sees it: a disk for its match, a size for -1. */
function forCurtin({ match, ...action }: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return {
    ...action,
    ...(match === undefined ? {} : { path: "/dev/nvme0n1" }),
    ...(action.size === -1 ? { size: "1G" } : {}),
  };
}

describe("with the schemas of others", () => {
  beforeEach(({ skip }) => {
    skip(!existsSync(data), `the schemas of others are not there: ${data}`);
  });
  test.each(casesOf(".good.yaml"))("the installer takes %s", (file) => {
    const document = documentOf(file);
    expect(refuse(readSchema("autoinstall-schema-24.04.4.1"), document)).toEqual([]);
    const curtin = readSchema("curtin-storage-schemas");
    const actions = document?.storage?.config ?? [];
    expect(actions.flatMap((action) => refuse(curtin[String(action.type)], forCurtin(action)))).toEqual([]);
    const userData = document?.["user-data"] ?? {};
    expect(refuse(readSchema("schema-cloud-config-v1"), userData)).toEqual([]);
  });

  test.each(["24.08.1", "24.04.4.1", "26.04.1"])(
    "the installer of %s takes the documents that we make",
    (version) => {
      const schema = readSchema(`autoinstall-schema-${version}`);
      const curtin = readSchema("curtin-storage-schemas");
      const before: Document = parse(makeUserData(autoinstallRequest)).autoinstall;
      for (const startsBy of ["uefi", "bios"] as const) {
        const document: Document = parse(makeAutoinstall({ ...autoinstallRequest, startsBy }));
        expect(refuse(schema, document)).toEqual([]);
        const actions = [...(document?.storage?.config ?? []), ...(before?.storage?.config ?? [])];
        expect(actions.flatMap((action) => refuse(curtin[String(action.type)], forCurtin(action)))).toEqual(
          [],
        );
        expect(refuse(readSchema("schema-network-config-v2"), { network: document?.network })).toEqual([]);
      }
      expect(refuse(schema, before)).toEqual([]);
    },
  );

  test("of the wrong documents, the installer's schema alone refuses only one", () => {
    const schema = readSchema("autoinstall-schema-24.04.4.1");
    const refused = casesOf(".wrong.yaml").filter((file) => refuse(schema, documentOf(file)).length > 0);
    // A key that stands twice is none to PyYAML either; our reader gives no value for it.
    expect(refused).toEqual(["key-twice.wrong.yaml", "version-is-text.wrong.yaml"]);
  });

  test.each([
    ["autoinstall-schema-24.08.1", "22.04"],
    ["autoinstall-schema-24.04.4.1", "24.04"],
    ["autoinstall-schema-26.04.1", "26.04"],
  ] as const)("our keys are those of %s", (name, release) => {
    const schema: Schema = readSchema(name);
    const ours = keysOf(autoinstallShape(release));
    // Those of 26.04 are taken everywhere, so that an older release has a better finding than "unknown".
    const newer = release === "26.04" ? [] : ["kernel-crash-dumps", "zdevs"];
    expect(Object.keys(ours).sort()).toEqual([...Object.keys(schema.properties), ...newer].sort());
    for (const [key, shape] of Object.entries(ours)) {
      const theirs = schema.properties[key];
      if (shape.kind !== "map" || theirs?.properties === undefined) continue;
      const missing = Object.keys(theirs.properties).filter((each) => !(each in shape.keys));
      expect(missing, key).toEqual([]);
      if (theirs.additionalProperties === false) {
        expect(shape, key).toMatchObject({ unknown: "stops", required: theirs.required ?? [] });
        expect(Object.keys(shape.keys).sort(), key).toEqual(Object.keys(theirs.properties).sort());
      }
    }
  });

  test("our keys of cloud-init are those of its schema", () => {
    const schema: Schema = readSchema("schema-cloud-config-v1");
    const theirs = Object.keys(schema.properties).filter((key) => key !== "autoinstall");
    expect([...new Set(cloudConfigKeys)].sort()).toEqual(theirs.sort());
  });

  test("our actions know all that curtin's know", () => {
    const curtin: Readonly<Record<string, Schema>> = readSchema("curtin-storage-schemas");
    for (const [type, schema] of Object.entries(curtin)) {
      const ours = actionTypes[type];
      const known = ["id", "type", ...(ours?.keys.split(" ") ?? []), ...Object.keys(ours?.refersTo ?? {})];
      expect(
        Object.keys(schema.properties).filter((key) => !known.includes(key)),
        type,
      ).toEqual([]);
    }
    const partition = curtin.partition as unknown as { properties: { flag: { enum: string[] } } };
    expect([...(actionWords.flag ?? [])].sort()).toEqual(partition.properties.flag.enum.sort());
  });

  test("a real prober's output: five disks, of which two of a kind are for the system", async () => {
    const machine = parseMachine(readText("machine-gpu-node.json"), "machine-gpu-node.json");
    expect(machine.disks).toHaveLength(5);
    expect(machine.nics).toHaveLength(5);
    const on = (match: string) =>
      lintDocument(plain.replace('{serial: "*BOOT0001*"}', match), "user-data", {
        release: "24.04",
        machine,
      });
    expect(await on("{serial: '*22373E000001*'}")).toEqual([]);
    expect(await on("{model: 'Micron_7450*', size: smallest}")).toEqual([]);
    expect(await on("{model: 'Micron_7450*'}")).toMatchObject([{ code: "DISK_AMBIGUOUS" }]);
    expect(await on("{model: 'Samsung*'}")).toMatchObject([{ code: "DISK_NONE" }]);
  });
});

function keysOf(shape: Shape): Readonly<Record<string, Shape>> {
  return shape.kind === "map" ? shape.keys : {};
}
