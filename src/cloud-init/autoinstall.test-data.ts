/** A machine to be installed, for tests. */
import type { AutoinstallRequest } from "./autoinstall.ts";

export const autoinstallRequest: AutoinstallRequest = {
  hostname: "node1",
  domain: "lab.test",
  seedUrl: "http://10.77.0.1:8080/seed/0123abcd",
  environmentSha256: "a".repeat(64),
  earlyCommand: 'set -eu\ntest -n "$1"\n',
  mac: "52:54:00:77:00:11" as AutoinstallRequest["mac"],
  address: "10.77.0.11" as AutoinstallRequest["address"],
  prefixLength: 24,
  nameServers: ["10.77.0.1"],
  archives: { main: "http://archive.ubuntu.com/ubuntu", security: "http://security.ubuntu.com/ubuntu" },
  proxy: "http://10.77.0.1:3142",
  disk: "/dev/sda",
  startsBy: "uefi",
};
