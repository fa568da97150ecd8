import { expect, test } from "vitest";
import type { PackageLock } from "./package-lock.ts";
import { parseSimulation, pendingUpdates } from "./pending-updates.ts";

/** Lines of apt 2.6.1 with an empty status file, shortened. */
const simulation = `Reading package lists...
NOTE: This is only a simulation!
Inst gcc-12-base (12.2.0-14+deb12u1 Debian:12.12/oldstable [amd64]) []
Inst libssl3 (3.0.17-1~deb12u3 Debian-Security:12/oldstable-security [amd64])
Inst tzdata (2025b-0+deb12u2 Debian:12-updates/oldstable-updates, Debian:12.12/oldstable [all])
Inst openssh-server (1:9.2p1-2+deb12u7 Debian:12.12/oldstable, Debian-Security:12/oldstable-security [amd64])
Conf gcc-12-base (12.2.0-14+deb12u1 Debian:12.12/oldstable [amd64])
`;
const lockOf = (versions: Readonly<Record<string, string>>): PackageLock => ({
  schema: 1,
  os: "debian-12",
  request: "",
  epoch: 1,
  packages: Object.entries(versions).map(([name, version]) => ({
    name,
    version,
    architecture: "amd64",
    sha256: "",
    bytes: 1,
  })),
});

test("candidates have their version, and whether a security archive has it", () => {
  expect(parseSimulation(simulation)).toEqual([
    { name: "gcc-12-base", version: "12.2.0-14+deb12u1", isSecurity: false },
    { name: "libssl3", version: "3.0.17-1~deb12u3", isSecurity: true },
    { name: "tzdata", version: "2025b-0+deb12u2", isSecurity: false },
    { name: "openssh-server", version: "1:9.2p1-2+deb12u7", isSecurity: true },
  ]);
});

test("what differs from the lock is pending, security first; what is equal is not", () => {
  const lock = lockOf({
    "gcc-12-base": "12.2.0-14+deb12u1",
    libssl3: "3.0.16-1~deb12u1",
    tzdata: "2025a-0+deb12u1",
  });
  expect(pendingUpdates(lock, parseSimulation(simulation))).toEqual([
    { name: "libssl3", installed: "3.0.16-1~deb12u1", available: "3.0.17-1~deb12u3", isSecurity: true },
    { name: "openssh-server", installed: undefined, available: "1:9.2p1-2+deb12u7", isSecurity: true },
    { name: "tzdata", installed: "2025a-0+deb12u1", available: "2025b-0+deb12u2", isSecurity: false },
  ]);
});
