/** The bastion applies to itself: what nobody could confirm from a new login, it takes back, whatever happened. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type BastionLab, type Login, openBastionLab } from "../support/bastion-lab.ts";
import { prove } from "../support/prove.ts";

let bastion: BastionLab;
beforeAll(async () => {
  bastion = await openBastionLab();
});
afterAll(() => bastion?.close());

const imagectl = (words: string) =>
  `sudo /opt/imagectl/bin/imagectl ${words}${words.startsWith("confirm") ? "" : ` --cluster ${bastion.clusterFile}`}`;
const waits = /^confirm this within/;

/** In production it is two minutes: a test waits for the end of it. */
const shortSeconds = 15;
/** Longer than what a test does meanwhile: nothing comes back by this limit. */
const longSeconds = 300;

function startApply(seconds: number, options: readonly string[] = []): Login {
  return bastion.startLogin(imagectl(`apply bastion --within ${seconds}s`), options);
}

async function onBastion(script: string): Promise<string> {
  const { exitCode, stdout, stderr } = await bastion.host.run(script, 60);
  expect(exitCode, stdout + stderr).toBe(0);
  return stdout;
}

/** What apply changes, and what it must put back; the operator's own files are no part of it. */
const state = () =>
  onBastion(`
    find /etc /var/lib/imagectl -path /etc/imagectl -prune -o -type f ! -name lock -print | sort | xargs sha256sum
    iptables -S; systemctl is-enabled ssh.service ssh.socket ufw.service || :
  `);

const stateFolder = () => onBastion("ls /var/lib/imagectl");

/** A change that does no harm: one node more. */
const addNode = () =>
  onBastion(
    `cp ${bastion.clusterFile} /etc/imagectl/before; echo '  node2: {mac: "52:54:00:77:00:12", address: 10.77.0.12, group: gpu}' >>${bastion.clusterFile}`,
  );
const takeNodeBack = () => onBastion(`cp /etc/imagectl/before ${bastion.clusterFile}`);

/** A mistake that locks everybody out: the operator's own role opens no port for logins. */
const closeLogins = () =>
  onBastion(`
    mkdir -p /etc/imagectl/roles && cp -r /opt/imagectl/templates/roles/sshd /etc/imagectl/roles
    sed -i 's/onBastion: anyone, //' /etc/imagectl/roles/sshd/role.yaml
  `);
const openLogins = () => onBastion("rm -r /etc/imagectl/roles");

async function ended(login: Login): Promise<number | undefined> {
  return (await login.process.exited).exitCode;
}

test("what it would change is shown first, and nothing is changed", async () => {
  const before = await state();
  const said = await bastion.login(imagectl("apply bastion --dry-run"));
  expect(said, said.stdout + said.stderr).toMatchObject({ exitCode: 2 });
  expect(said.stdout).toContain("M /etc/default/ufw\n");
  expect((await bastion.login(imagectl("diff bastion"))).stdout).toContain("M /etc/default/ufw  (firewall)");
  expect(await state()).toBe(before);
});

test("a change that a new login confirms stays, and a second apply finds nothing to do", async () => {
  const apply = startApply(longSeconds);
  await apply.says(waits);
  expect(await bastion.login(imagectl("confirm"))).toMatchObject({
    exitCode: 0,
    stdout: "confirmed: the change stays\n",
  });
  expect(await ended(apply), apply.lines.join("\n")).toBe(0);
  expect(await onBastion("grep OUTPUT_POLICY /etc/default/ufw")).toBe('DEFAULT_OUTPUT_POLICY="ACCEPT"\n');
  const again = await bastion.login(imagectl("apply bastion"));
  expect(again).toMatchObject({ exitCode: 0, stdout: "nothing to change\n" });
  const late = await bastion.login(imagectl("confirm"));
  expect(late.exitCode).toBe(1);
  expect(late.stderr).toContain("[NOTHING_TO_CONFIRM]");
});

test("a firewall that shuts logins out is taken back, whatever the login that made it says", async () => {
  const before = await state();
  await closeLogins();
  const script = `
    ${imagectl(`apply bastion --within ${shortSeconds}s`)} >/tmp/said 2>&1 &
    until grep -q '^confirm this' /tmp/said; do sleep 0.2; done
    ${imagectl("confirm")}; echo "confirm ended with $?"
    wait; cat /tmp/said`;
  const old = bastion.startLogin(script);
  await old.says(/^confirm ended with/);
  // Said on standard error, which may arrive after what was said later on standard output.
  await old.says(/this login is older than the change, so it proves nothing/);
  expect(old.lines).toContain("confirm ended with 1");
  expect((await bastion.login("true")).exitCode).toBe(255);
  await ended(old);
  expect(old.lines.join("\n")).toContain("failed: nobody could log in again after the change");
  await openLogins();
  expect(await state()).toBe(before);
  expect(await bastion.login("hostname")).toMatchObject({ exitCode: 0, stdout: "bastion\n" });
});

test.each<[string, (apply: Login) => Promise<unknown>, readonly string[]]>([
  [
    "an apply that is killed",
    () => onBastion("pkill -KILL -f '^sh /run/imagectl-apply' && rm -rf /run/imagectl-apply-*"),
    [],
  ],
  [
    "a login that hangs up",
    async ({ process }) => {
      process.stop("SIGKILL");
      await process.exited;
    },
    ["-tt"],
  ],
  [
    "a restart in between",
    async () => {
      await bastion.host.powerOff();
      await bastion.host.boot();
    },
    [],
  ],
])("%s leaves nothing of the change", async (_name, happen, options) => {
  const before = await state();
  await addNode();
  try {
    const apply = startApply(longSeconds, options);
    await apply.says(waits);
    expect(await state()).not.toBe(before);
    await happen(apply);
    await expect.poll(state, { timeout: 60_000, interval: 1_000 }).toBe(before);
    apply.process.stop("SIGKILL");
  } finally {
    await takeNodeBack();
  }
  await expect.poll(stateFolder).not.toContain("undo");
  expect((await bastion.login(imagectl("apply bastion"))).stdout).toBe("nothing to change\n");
});

test("what watches an apply removes what it was killed too early to remove", async () => {
  const guard = "/etc/systemd/system/imagectl-undo.service";
  const said = await onBastion(`
    mkdir /var/lib/imagectl/undo-whole.done && touch ${guard}
    cp /opt/imagectl/templates/undo.sh /tmp/undo
    sh /tmp/undo --watch /var/lib/imagectl/undo-whole
    ls ${guard} 2>&1 || :`);
  expect(said).toContain("No such file");
  expect(await stateFolder()).not.toContain("undo");
});

test("its checks are green, seen from itself, from the nodes' network and from outside", async () => {
  const { plan, vantages } = bastion;
  const own = new Set(["firewall", "bastion-services"]);
  const { elsewhere } = await prove({
    plan,
    vantages,
    wanted: ({ role }) => own.has(role),
    capabilities: ["another-machine"],
  });
  expect(elsewhere).toEqual([]);
});

test("verify proves it from where it stands, and counts what takes another machine", async () => {
  const said = await bastion.login(imagectl("verify bastion --json"));
  const { results } = JSON.parse(said.stdout) as {
    results: { role: string; name: string; from: string; outcome: string; reason: string }[];
  };
  // A namespace has no kernel of its own: what wants one is red here and proved on machines.
  const wantsKernel = new Set(
    bastion.plan.node.checks
      .filter(({ needs }) => needs.some((need) => need.startsWith("kernel-")))
      .map(({ role, name }) => `${role}: ${name}`),
  );
  const red = results.filter(({ outcome }) => outcome === "red");
  expect(red.filter(({ role, name }) => !wantsKernel.has(`${role}: ${name}`))).toEqual([]);
  const elsewhere = results.filter(({ from }) => from !== "node");
  expect(elsewhere.length).toBeGreaterThan(3);
  expect(new Set(elsewhere.map(({ outcome }) => outcome))).toEqual(new Set(["not-applicable"]));
});
