/** Monitoring on Debian 12, and people who are told of a machine that dies. */
import { describeMonitoring } from "../support/monitoring.ts";

describeMonitoring("debian-12", { isTold: true });
