/**
 * Debian 12's own installer, as far as the mirror at hand has its parts, which is almost none: it boots, opens its
 * session by our hook, and asks for parts where its answers say.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { ensureImage } from "../support/image.ts";
import { type InstallerLab, openInstallerLab } from "../support/installer-lab.ts";
import { lab } from "../support/lab-cluster.ts";
import { openPackageProxy } from "../support/package-proxy.ts";
import { tellAsOneStory } from "../support/story.ts";

const os = "debian-12";
tellAsOneStory();
let vm: InstallerLab;
const asked: string[] = [];

beforeAll(async () => {
  vm = await openInstallerLab({
    os,
    bringImage: (_folder, clusterFile) => ensureImage(clusterFile, os),
    openProxy: (place, settings) =>
      openPackageProxy(place, { ...settings, onAsked: (url) => asked.push(url) }),
  });
});
afterAll(() => vm?.close());

test("it boots by the network and opens its session", async () => {
  await vm.bastion.imagectl(["arm", lab.node.name]);
  await vm.machine.boot();
  const { body } = await vm.untilEvent("seed-redeemed", 300);
  expect(body.address).toBe(lab.node.address);
});

test("it asks the archive of its answers, by their proxy, for its own release and its parts", async () => {
  const suite = "http://deb.debian.org/debian/dists/bookworm";
  const parts = `${suite}/main/debian-installer/binary-amd64/Packages.xz`;
  await expect.poll(() => asked, { timeout: 300_000 }).toContain(parts);
  expect(asked).toContain(`${suite}/Release`);
});
