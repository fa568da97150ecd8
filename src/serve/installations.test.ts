/** What an installer is given: its answers from plan and catalogue, and the packages that an image would hold. */
import { describe, expect, test } from "vitest";
import { lintDocument } from "../cloud-init/lint/lint.ts";
import { releases } from "../cloud-init/lint/subject.ts";
import { findDebian } from "../images/catalogue.ts";
import { installers } from "../images/installer/installers.ts";
import type { NodePlan } from "../plan/plan.ts";
import { unpackTar } from "../tar.ts";
import { autoinstallFor, installedLayer, nocloudFor, preseedFor } from "./installations.ts";

const layer = { files: [], commands: [], services: [], validators: [] };
const plan = {
  image: { os: "debian-13", arch: "amd64", packages: ["openssh-server"], ...layer },
  node: { hostname: "node1", domain: "lab.test", bastionAddress: "10.77.0.1" },
} as unknown as NodePlan;
const answerIn = (text: string, question: string): string | undefined =>
  text.split("\n").find((line) => line.startsWith(`d-i ${question} `));

test("without a word of the group's, packages come from the archive itself", () => {
  const text = preseedFor(plan);
  expect(answerIn(text, "mirror/http/hostname")).toBe("d-i mirror/http/hostname string deb.debian.org");
  expect(answerIn(text, "mirror/suite")).toBe("d-i mirror/suite string trixie");
  expect(answerIn(text, "apt-setup/security_path")).toBe(
    "d-i apt-setup/security_path string /debian-security",
  );
});

test("with one, from where it says", () => {
  const installer = { mirror: "http://mirror.lab.test/debian", proxy: "http://10.77.0.1:3142" };
  const text = preseedFor({ ...plan, node: { ...plan.node, installer } });
  expect(answerIn(text, "mirror/http/hostname")).toBe("d-i mirror/http/hostname string mirror.lab.test");
  expect(answerIn(text, "mirror/http/proxy")).toBe("d-i mirror/http/proxy string http://10.77.0.1:3142");
});

test("its layer has the packages of a golden image, but no kernel", async () => {
  const entries = await unpackTar(await installedLayer(plan.image));
  const listed = entries.find(({ path }) => path === "imagectl/packages")?.content.toString() ?? "";
  const packages = listed.trim().split("\n");
  expect(packages).toEqual(expect.arrayContaining(["openssh-server", "shim-signed", "zstd"]));
  expect(packages).not.toContain("linux-image-amd64");
});

describe("every system that an installer brings", () => {
  const on = (os: string, more: object = {}): NodePlan => {
    const node = { ...plan.node, mac: "52:54:00:77:00:11", address: "10.77.0.11", prefixLength: 24, ...more };
    return { image: { ...plan.image, os }, node } as unknown as NodePlan;
  };
  const environment = { name: "installer-environment.tar.gz", sha256: "c".repeat(64), bytes: 1 };
  const session = {
    seedUrl: "http://10.77.0.1:8080/seed/0123",
    manifest: { os: "ubuntu", artefacts: [environment] },
  } as unknown as Parameters<typeof nocloudFor>[1];

  test.each(["debian-12", "debian-13"])("%s is told its own suite", (id) => {
    const { codename } = findDebian(id);
    expect(answerIn(preseedFor(on(id)), "mirror/suite")).toBe(`d-i mirror/suite string ${codename}`);
  });

  test.each(installers)("$os has a document that the linter takes, for either firmware", async ({ os }) => {
    const release = releases.find((each) => os.endsWith(each)) ?? "24.04";
    for (const firmware of ["uefi-x64", "bios-x86"] as const) {
      const text = await autoinstallFor(on(os), session, { disk: "/dev/sda", firmware });
      const aim = { release, firmware: firmware === "uefi-x64" ? "uefi" : "bios" } as const;
      const findings = await lintDocument(text, "autoinstall.yaml", aim);
      expect(findings.filter(({ severity }) => severity === "error")).toEqual([]);
    }
  });

  test("packages of Ubuntu come from the group's mirror, fixes too where it says so", async () => {
    const installer = { mirror: "http://mirror.lab.test/ubuntu", security: "http://mirror.lab.test/fixes" };
    const target = { disk: "/dev/sda", firmware: "uefi-x64" } as const;
    const text = await autoinstallFor(on("ubuntu-24.04", { installer }), session, target);
    expect(text).toContain("uri: http://mirror.lab.test/ubuntu\n");
    expect(text).toContain("uri: http://mirror.lab.test/fixes\n");
  });

  test("the seed has an instance of its own for each boot, and no disk", async () => {
    const first = await nocloudFor(on("ubuntu-24.04"), session);
    const second = await nocloudFor(on("ubuntu-24.04"), { ...session, seedUrl: `${session.seedUrl}4` });
    expect(first.metaData).not.toBe(second.metaData);
    expect(first.userData).not.toContain("/dev/sd");
  });

  test("an ISO that was stored without its environment is said to be so", async () => {
    const bare = { ...session, manifest: { os: "ubuntu-24.04", artefacts: [] } } as unknown as typeof session;
    await expect(nocloudFor(on("ubuntu-24.04"), bare)).rejects.toMatchObject({ code: "IMAGE_DAMAGED" });
  });

  test("its layer has the plan's packages, and none that make a system of Debian's", async () => {
    const entries = await unpackTar(await installedLayer(on("ubuntu-24.04").image));
    const listed = entries.find(({ path }) => path === "imagectl/packages")?.content.toString();
    expect(listed).toBe("openssh-server\n");
  });
});
