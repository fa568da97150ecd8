/** Monitoring on one system, and people who are told of a machine that dies. */
import { bootedSystems } from "../support/lab-cluster.ts";
import { describeMonitoring } from "../support/monitoring.ts";

describeMonitoring(bootedSystems[0], { isTold: true });
