/** Secrets in plans: places without values, and values only in the overlay that goes to the node. */
import { describe, expect, test } from "vitest";
import { canonicalJson, sha256 } from "../digest.ts";
import { Secret } from "../secret.ts";
import type { SecretName } from "../secrets.ts";
import { unpackTar } from "../tar.ts";
import { findMissingSecrets, nodeOverlay } from "./fill-secrets.ts";
import { checkPlans, planNode } from "./make.ts";
import { buildOverlay } from "./overlay.ts";
import { planDigest } from "./plan.ts";
import { clusterText, type Folders, input, roles } from "./test-cluster.ts";

const roleYaml = `
summary: keeps things to itself
params:
  word: {type: string, default: plain, description: d}
secrets:
  - {name: token, scope: cluster, description: opens the door}
  - {name: own-hash, scope: node, description: of this machine, make: "make-hash {{node.hostname}}"}
fileModes:
  /etc/token: {mode: "0600"}
  /etc/both: {mode: "0640"}
`;
const vault = (texts: Readonly<Record<string, string>>): Folders => ({
  ...roles,
  vault: {
    "role.yaml": roleYaml,
    "files/etc/token.hbs": "{{os.id}} {{params.word}} {{secrets.token}}\n",
    "files/etc/both.hbs": "a={{secrets.own-hash}} b={{secrets.token}} a={{secrets.own-hash}}\n",
    ...texts,
  },
});
const withVault = clusterText.replaceAll(/roles: \[(.*)\]/g, "roles: [$1, vault]");
const inputOf = (texts: Readonly<Record<string, string>> = {}, text = withVault) => input(vault(texts), text);

/** @param values by `NAME` or `NODE/NAME`. */
const storeOf = (values: Readonly<Record<string, string>>) => ({
  read: async ({ name, node }: SecretName) => {
    const value = values[node === undefined ? name : `${node}/${name}`];
    return value === undefined ? undefined : new Secret(value);
  },
});
const whole = storeOf({ token: "T0KEN-VALUE", "node1/own-hash": "$y$one", "node2/own-hash": "$y$two" });

async function filesOf(node: Parameters<typeof nodeOverlay>[0], store = whole) {
  const entries = await unpackTar(await nodeOverlay(node, store));
  return Object.fromEntries(
    entries.map(({ path, content }) => [path, Buffer.from(content as Uint8Array).toString()]),
  );
}

describe("a plan", () => {
  const plan = planNode(inputOf(), "node1");
  const file = (path: string) => plan.node.files.find((each) => each.path === path);

  test("says where a secret goes and how it is made, and is the same whatever its value", () => {
    expect(file("/etc/token")).toMatchObject({
      content: "debian-12 plain [secret token]\n",
      secrets: [
        {
          name: "token",
          scope: "cluster",
          make: "sudo imagectl secrets set token --from FILE",
          start: 16,
          end: 30,
        },
      ],
    });
    expect(file("/etc/both")?.secrets?.map(({ name, make }) => `${name}: ${make}`)).toEqual([
      "own-hash: make-hash node1",
      "token: sudo imagectl secrets set token --from FILE",
      "own-hash: make-hash node1",
    ]);
  });
  test("holds no value, in any form, and its digest does not depend on one", async () => {
    await nodeOverlay(plan.node, whole);
    expect(canonicalJson(plan)).not.toMatch(/T0KEN|\$y\$/);
    expect(planDigest(plan)).toBe(planDigest(planNode(inputOf(), "node1")));
  });
  test("has it in the node layer although nothing else in the file is a node's", () => {
    expect(plan.image.files.map(({ path }) => path)).not.toContain("/etc/token");
    expect(JSON.stringify(plan.image)).not.toContain("secret");
  });
});

describe("the overlay of a node", () => {
  test("has the values, each machine its own", async () => {
    const one = await filesOf(planNode(inputOf(), "node1").node);
    expect(one["root/etc/token"]).toBe("debian-12 plain T0KEN-VALUE\n");
    expect(one["root/etc/both"]).toBe("a=$y$one b=T0KEN-VALUE a=$y$one\n");
    const two = await filesOf(planNode(inputOf(), "node2").node);
    expect(two["root/etc/both"]).toBe("a=$y$two b=T0KEN-VALUE a=$y$two\n");
  });
  test("another value is another file: its digest in the list, and the overlay's own", async () => {
    const { node } = planNode(inputOf(), "node1");
    const changed = storeOf({ token: "OTHER", "node1/own-hash": "$y$one" });
    const lineOf = (files: Record<string, string>) =>
      files["imagectl/files"]?.split("\n").find((line) => line.startsWith("/etc/token "));
    expect(lineOf(await filesOf(node))).toContain(sha256("debian-12 plain T0KEN-VALUE\n"));
    expect(lineOf(await filesOf(node, changed))).toContain(sha256("debian-12 plain OTHER\n"));
    expect(sha256(await nodeOverlay(node, whole))).not.toBe(sha256(await nodeOverlay(node, changed)));
    expect(sha256(await nodeOverlay(node, whole))).toBe(sha256(await nodeOverlay(node, whole)));
  });
  test("is not made while one is missing; the command that makes it is named", async () => {
    const { node } = planNode(inputOf(), "node1");
    const some = storeOf({ token: "t" });
    const [missing, ...rest] = await findMissingSecrets(node, some);
    expect(rest).toEqual([]);
    expect(missing).toMatchObject({
      code: "SECRET_MISSING",
      where: "node1",
      hint: "Make it: make-hash node1",
    });
    await expect(nodeOverlay(node, some)).rejects.toMatchObject({
      code: "SECRET_MISSING",
      findings: [missing],
    });
    expect(await findMissingSecrets(node, whole)).toEqual([]);
  });
  test("is never made without the values", async () => {
    const { node } = planNode(inputOf(), "node1");
    await expect(buildOverlay({ ...node, name: "node" })).rejects.toMatchObject({ code: "OVERLAY_INVALID" });
  });
});

test.each([
  ["what a plan shows for a secret", "[secret token]"],
  ["a template's own words", "{{secrets.token}}"],
  ["the mark of the first choice", "\ue000token\ue000"],
  ["several marks", "\ue000\ue001token\ue001\ue000"],
])("%s in the cluster file is no secret", async (_name, word) => {
  const params = `params: {vault: {word: ${JSON.stringify(word)}}, `;
  const { node } = planNode(inputOf({}, withVault.replaceAll("params: {", params)), "node1");
  expect((await filesOf(node))["root/etc/token"]).toBe(`debian-12 ${word} T0KEN-VALUE\n`);
});

describe("what is refused", () => {
  const findingsOf = (texts: Readonly<Record<string, string>>) => checkPlans(inputOf(texts));

  test.each<[string, Record<string, string>, string, string]>([
    [
      "a secret that the role does not declare",
      { "files/etc/token.hbs": "{{secrets.tokne}}\n" },
      "TEMPLATE_UNKNOWN_NAME",
      "token",
    ],
    [
      "a secret in a file that everybody may read",
      { "files/etc/open.hbs": "{{secrets.token}}\n" },
      "SECRET_MISPLACED",
      'fileModes: {/etc/open: {mode: "0600"}}',
    ],
    [
      "a secret in a command",
      {
        "role.yaml": `${roleYaml}commands: [{name: c, run: "echo {{secrets.token}}", onChange: [/etc/token]}]\n`,
      },
      "SECRET_MISPLACED",
      "let the script read that file",
    ],
    [
      "a secret in a check",
      {
        "checks.yaml":
          '- {name: k, from: node, run: "grep {{secrets.token}} /etc/token", expect: {exit: 0}, fault: {remove: /etc/token}}\n',
      },
      "SECRET_MISPLACED",
      "let the script read that file",
    ],
  ])("%s", (_name, texts, code, hint) => {
    const found = findingsOf(texts).map((finding) => `${finding.code} ${finding.where}: ${finding.hint}`);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(code);
    expect(found[0]).toContain(hint);
  });

  test("nothing, where all is in order", () => {
    expect(findingsOf({})).toEqual([]);
  });
  test("two roles that own one secret", () => {
    const two = { ...vault({}), other: { "role.yaml": roleYaml.slice(0, roleYaml.indexOf("fileModes")) } };
    const text = clusterText.replaceAll(/roles: \[(.*)\]/g, "roles: [$1, other, vault]");
    expect(checkPlans(input(two, text)).map(({ message }) => message)).toContainEqual(
      expect.stringContaining("the secret token of the role vault already has an owner: other"),
    );
  });
});
