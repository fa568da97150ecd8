/** People who are told of alerts, and a machine of which they are told: the roles of the bastion are on node1. */
import { beforeAll, expect, test } from "vitest";
import type { BootedNode } from "../../src/lab/booted-nodes.ts";
import { statePaths } from "../../src/paths.ts";
import { Secret } from "../../src/secret.ts";
import { openSecrets } from "../../src/secrets.ts";
import { type BootedLab, onMachine } from "./booted-lab.ts";
import type { Hook } from "./hook.ts";
import { testState } from "./image.ts";
import { lab } from "./lab-cluster.ts";

/** A port of the lab's bastion, where people are told. */
export const hookPort = 9999;
const hookUrl = `http://${lab.bastion}:${hookPort}`;
const slackUrl = `${hookUrl}/services/T0/B0/of-nobodys-business`;

/** Who is told, as parameters of the role. */
export const toldParams = { slack: true, webhooks: [`${hookUrl}/alerts`], deadman: `${hookUrl}/alive` };

/** Who dies must not be who tells. */
export const otherNodes = [{ name: "node2", mac: "52:54:00:77:00:12", address: "10.77.0.12" }];

/** NodeDown waits two minutes; what is asked every 15 seconds is judged as often, and told 10 seconds later. Milliseconds. */
const alertTimeoutMs = 240_000;

/** Before the machines get their overlay. */
export async function keepSlackSecret(): Promise<void> {
  const secrets = openSecrets(statePaths({ IMAGECTL_STATE: testState }).secrets);
  const how = { isReplacing: true, now: new Date(), by: "a test" };
  await secrets.write({ name: "slack-webhook", node: undefined }, new Secret(slackUrl), how);
}

/** Lets node1 watch the others, as only the bastion may, and nobody else tell anything. */
export async function watchFromNode1({ others }: Pick<BootedLab, "others">): Promise<void> {
  for (const other of others) {
    await onMachine(
      other,
      `systemctl disable --now prometheus.service prometheus-alertmanager.service
      iptables -I INPUT -p tcp --dport 9100 -s ${lab.node.address} -j ACCEPT`,
    );
  }
}

export function describeSecrecy(booted: () => BootedLab): void {
  test("the plan does not know the address of Slack's webhook", async () => {
    const plan = JSON.stringify(await booted().plan());
    expect(plan).toContain("[secret slack-webhook]");
    expect(plan).toContain(`${hookUrl}/alerts`);
    expect(plan).not.toContain(slackUrl);
  });
}

/** @param ask PromQL, answered by node1. */
export function describeToldPeople(
  booted: () => BootedLab,
  hook: () => Hook,
  ask: (query: string) => Promise<string>,
): void {
  let other: BootedNode;
  beforeAll(() => {
    other = booted().others[0] as BootedNode;
  });
  const json = (status: "firing" | "resolved") =>
    hook().posted.filter(({ path, body }) => path === "/alerts" && isOfNode2(body, status));
  // Other alerts may be on: the machines share the clock and the processes of the test's.
  const slack = () =>
    hook()
      .posted.filter(({ path }) => path === new URL(slackUrl).pathname)
      .map(({ body }) => body)
      .filter((body) => JSON.stringify(body).includes("node2 has not answered"));

  test("a machine whose power is cut is told to people, and so is its return", async () => {
    const up = () => ask('up{job="node",instance="node2",group="gpu"}');
    await expect.poll(up, { timeout: 60_000, interval: 1_000 }).toMatch(/=> 1 @/);
    expect([...json("firing"), ...slack()]).toEqual([]);

    const cutAt = Date.now();
    await other.host.powerOff();
    await expect
      .poll(() => json("firing").length, { timeout: alertTimeoutMs, interval: 1_000 })
      .toBeGreaterThan(0);
    console.log(`NodeDown was told ${Math.round((Date.now() - cutAt) / 1000)} s after the power was cut`);
    await expect.poll(() => slack().length, { timeout: 10_000 }).toBeGreaterThan(0);
    const text = /^node2 has not answered for 2 minutes\nLook at its console.*imagectl status node2$/m;
    expect(slack()[0]).toMatchObject({
      attachments: [
        { title: expect.stringMatching(/^[0-9] × NodeDown$/), text: expect.stringMatching(text) },
      ],
    });

    await other.host.boot();
    const bootedAt = Date.now();
    await watchFromNode1(booted());
    await expect
      .poll(() => json("resolved").length, { timeout: alertTimeoutMs, interval: 1_000 })
      .toBeGreaterThan(0);
    console.log(`its return was told ${Math.round((Date.now() - bootedAt) / 1000)} s after it had started`);
    const over = () =>
      slack().filter((body) => JSON.stringify(body).includes("over: node2 has not answered"));
    await expect.poll(() => over().length, { timeout: 10_000 }).toBeGreaterThan(0);
  });

  test("the dead man's switch is told each minute that all works", () => {
    const alive = hook().posted.filter(({ path }) => path === "/alive");
    for (const { body } of alive) {
      expect(body).toMatchObject({ status: "firing", commonLabels: { alertname: "Watchdog" } });
    }
    // The last ones: the faults of checks restart things, and then it comes sooner or later.
    const pauses = alive.slice(1).map(({ at }, index) => (at - (alive[index]?.at ?? 0)) / 1000);
    expect(pauses.length).toBeGreaterThan(2);
    for (const seconds of pauses.slice(-2)) expect(seconds).toBeCloseTo(60, -1);
  });
}

/** Other machines may be in the same message: the faults of checks leave traces for minutes. */
function isOfNode2(body: unknown, status: string): boolean {
  type Alert = { readonly status: string; readonly labels: Readonly<Record<string, string>> };
  const { alerts } = body as { readonly alerts: readonly Alert[] };
  return alerts.some(
    (alert) =>
      alert.status === status && alert.labels.alertname === "NodeDown" && alert.labels.instance === "node2",
  );
}
