/** Roles that a group adds by itself, on a booted node; of user-data, that it runs once and owns nothing else. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { reportTable } from "../../src/verify/show-report.ts";
import { type BootedLab, openBootedLab } from "../support/booted-lab.ts";
import { standardRoles, wholeCluster } from "../support/lab-cluster.ts";
import { prove } from "../support/prove.ts";

const userData = [
  "#cloud-config",
  "write_files: [{path: /srv/written, content: by the operator}]",
  "runcmd:",
  "  - echo ran >>/srv/ran",
  "",
].join("\n");

const added = ["hardening", "python-users"];
const proved = new Set(["userdata", ...added]);
let booted: BootedLab;
beforeAll(async () => {
  booted = await openBootedLab({ ...wholeCluster, userData, roles: [...standardRoles, ...added] });
});
afterAll(() => booted?.close());

test("its files are written and its commands run, once, also after a restart", async () => {
  const seen = () => booted.host.run("cloud-init status --wait >/dev/null; cat /srv/written /srv/ran", 120);
  expect(await seen()).toMatchObject({ exitCode: 0, stdout: "by the operatorran\n" });
  await booted.host.powerOff();
  await booted.host.boot();
  expect(await seen()).toMatchObject({ exitCode: 0, stdout: "by the operatorran\n" });
});

test("their checks are green, and each fault turns its own red", async () => {
  const { report, proofs } = await prove({
    plan: await booted.plan(),
    vantages: booted.vantages,
    wanted: ({ role }) => proved.has(role),
  });
  expect(new Set(proofs.map(({ check }) => check.role))).toEqual(proved);
  expect(report.isReady, reportTable(report)).toBe(true);
});

test("the plan keeps what is the plan's: name, keys and logins", async () => {
  const { alice } = booted.cluster.userKeys;
  expect(await booted.sshAs("alice", alice, ["hostname"])).toMatchObject({ exitCode: 0, stdout: "node1\n" });
  const strangers = await booted.host.run("getent passwd debian ubuntu; ls /etc/sudoers.d", 10);
  expect(strangers.stdout).not.toMatch(/debian|ubuntu|cloud/);
});
