/** Monitoring on Debian 13. */
import { describeMonitoring } from "../support/monitoring.ts";

describeMonitoring("debian-13", { isTold: false });
