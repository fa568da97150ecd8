/** Level 3: node1 that sends its logs and the bastion that keeps them. */
import { imagectl, testState } from "./image.ts";
import { minimalRoles, type TestSystem, wholeCluster } from "./lab-cluster.ts";
import { ensureLogKeys } from "./log-keys.ts";
import { openTwoMachines, type TwoMachines } from "./two-machines.ts";

export function openLogLab(os: TestSystem): Promise<TwoMachines> {
  return openTwoMachines({
    cluster: {
      ...wholeCluster,
      os,
      roles: [...minimalRoles, "network", "rsyslog"],
      bastionRoles: [...minimalRoles, "log-server"],
    },
    nodeFiles: ["/etc/rsyslog.d/70-network.conf"],
    ensureSecrets: () => ensureLogKeys(testState, imagectl),
  });
}
