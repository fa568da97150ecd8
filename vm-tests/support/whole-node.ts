/** A whole node of one system, from its image to the checks of every standard role and their faults. */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { packageRoot } from "../../src/paths.ts";
import { runChecks } from "../../src/verify/run-checks.ts";
import { reportTable } from "../../src/verify/show-report.ts";
import { type BootedLab, onMachine, openBootedLab } from "./booted-lab.ts";
import { lab, type TestSystem, wholeCluster } from "./lab-cluster.ts";
import { prove } from "./prove.ts";

/** Each takes three minutes and more: Debian's and Ubuntu's have a file of their own, so that they run side by side. */
export function describeWholeNode(os: TestSystem): void {
  describe(os, () => {
    let booted: BootedLab;
    beforeAll(async () => {
      booted = await openBootedLab({ ...wholeCluster, os });
    });
    afterAll(() => booted?.close());

    test("every check is green from node, bastion and outsider, and its fault turns it red", async () => {
      // What needs a kernel of its own is proved at level 4.
      const { report, proofs, elsewhere } = await prove({
        plan: await booted.plan(),
        vantages: booted.vantages,
      });
      expect(report.isReady, reportTable(report)).toBe(true);
      expect(new Set(proofs.map(({ check }) => check.from))).toEqual(
        new Set(["node", "bastion", "outsider"]),
      );
      expect(elsewhere.filter(({ check }) => check.needs.length === 0)).toEqual([]);
    });

    test("the same checks are green by the way of production: the agent's account, over one ssh connection", async () => {
      const report = await runChecks({
        node: lab.node.name,
        checks: (await booted.plan()).node.checks,
        vantages: { ...booted.vantages, node: booted.agent },
        capabilities: new Set(),
        now: () => new Date(),
        onResult: () => {},
      });
      expect(report.results.filter(({ outcome }) => outcome === "red")).toEqual([]);
      expect(report.isReady).toBe(true);
    });

    test("the machine shares its kernel with this host and can change nothing in it", async () => {
      // The time that it is anyway: were this to work, it would work on the host.
      const clock = await booted.host.run('date -s "$(date)"', 10);
      // Ubuntu's date, of uutils, has a word of its own for it.
      expect(clock.stderr).toMatch(/Operation not permitted|Permission denied/);
      const sysctl = await booted.host.run("echo 1 >/proc/sys/kernel/panic", 10);
      expect(sysctl.stderr).toContain("Read-only file system");
    });

    describe("imagectl apply on the running node", () => {
      test("applying what is applied already changes nothing, twice", async () => {
        const applied = await booted.apply();
        expect(applied).toMatchObject({ exitCode: 0, stdout: "nothing to change\n" });
        expect(await booted.apply("--dry-run")).toMatchObject({ exitCode: 0, stdout: "nothing to change\n" });
      });

      test("a user whose key left the cluster file is refused, and is let in again when it is back", async () => {
        const { alice } = booted.cluster.userKeys;
        const login = () => booted.sshAs("alice", alice, ["id", "-un"]);
        expect(await login()).toMatchObject({ exitCode: 0, stdout: "alice\n" });

        booted.cluster.rewrite({ ...wholeCluster, os, users: ["carol"] });
        expect((await booted.apply("--dry-run")).exitCode).toBe(3);
        expect(await login()).toMatchObject({ exitCode: 0 });
        expect(await booted.apply()).toMatchObject({ exitCode: 0 });
        const refused = await login();
        expect(refused.exitCode).toBe(255);
        expect(refused.stderr).toContain("Permission denied (publickey)");

        booted.cluster.rewrite({ ...wholeCluster, os });
        expect(await booted.apply()).toMatchObject({ exitCode: 0 });
        expect(await login()).toMatchObject({ exitCode: 0, stdout: "alice\n" });
      });

      test("who owns nothing but a user's key cannot apply or run anything", async () => {
        const { alice } = booted.cluster.userKeys;
        expect((await booted.sshAs("imagectl", alice, ["run"])).exitCode).toBe(255);
        expect((await booted.sshAs("alice", alice, ["sudo -n true"])).exitCode).toBe(1);
      });
    });

    describe("from outside", () => {
      /** Every TCP port, without asking whether the host is up: it answers no ping. */
      const scan = "nmap -Pn -n -p- --max-retries 1 --min-rate 8000 -oG - ";
      const openPorts = (output: string): string[] =>
        [...output.matchAll(/([0-9]+)\/open\/tcp/g)].map((match) => match[1] as string);

      test("the outsider finds no port, the bastion those that roles declare", async () => {
        const declared = (await booted.plan()).node.firewall
          .filter((rule) => rule.direction === "in" && rule.protocol === "tcp")
          .map((rule) => ({ port: String(rule.port), peer: rule.peer }));
        const [fromOutsider, fromBastion] = await Promise.all(
          [booted.vantages.outsider, booted.vantages.bastion].map((at) => at(scan + lab.node.address, 300)),
        );
        expect(fromOutsider).toMatchObject({ exitCode: 0 });
        expect(fromBastion).toMatchObject({ exitCode: 0 });
        expect(openPorts(fromOutsider?.stdout ?? "")).toEqual(
          declared.filter(({ peer }) => peer === "anyone").map(({ port }) => port),
        );
        expect(openPorts(fromBastion?.stdout ?? "")).toEqual(declared.map(({ port }) => port));
      });

      test("ssh-audit finds what its policy for the system wants, and sees a weak algorithm", async () => {
        const policy = join(packageRoot, "vm-tests/support/ssh-policies", `${os}.txt`);
        const audit = async (): Promise<string> => {
          const { stdout, stderr } = await booted.vantages.bastion(
            `ssh-audit --no-colors --policy=${policy} ${lab.node.address}`,
            100,
          );
          return stdout + stderr;
        };
        expect(await audit()).toMatch(/^Result: .*Passed$/m);
        const algorithms = "/etc/ssh/imagectl_algorithms.conf";
        const reload = "systemctl reload ssh.service";
        await onMachine(
          booted,
          `cp -p ${algorithms} /root/kept; sed -i 's/^MACs /&hmac-sha1,/' ${algorithms}; ${reload}`,
        );
        await expect.poll(audit).toContain("MACs did not match");
        await onMachine(booted, `mv /root/kept ${algorithms}; ${reload}`);
        await expect.poll(audit).toMatch(/^Result: .*Passed$/m);
      });

      test("a password is not asked for: publickey is the only method that the node offers", async () => {
        const { alice } = booted.cluster.userKeys;
        for (const user of ["alice", "carol", "root", "imagectl", "nobody-like-this"]) {
          const { exitCode, stderr } = await booted.sshAs(
            user,
            alice,
            ["true"],
            [
              ...[
                "-o",
                "PubkeyAuthentication=no",
                "-o",
                "PreferredAuthentications=password,keyboard-interactive",
              ],
            ],
          );
          expect({ user, exitCode }).toEqual({ user, exitCode: 255 });
          expect(stderr).toContain("Permission denied (publickey).");
        }
      });
    });

    test("a machine that lost its power comes back as it was", async () => {
      await booted.host.run("logger -t lab before-the-cut; sync", 10);
      await booted.host.powerOff();
      await booted.host.boot();
      const { alice } = booted.cluster.userKeys;
      expect(await booted.sshAs("alice", alice, ["hostname"])).toMatchObject({
        exitCode: 0,
        stdout: "node1\n",
      });
    });
  });
}
