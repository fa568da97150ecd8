/** Monitoring on the other systems. */
import { describe, test } from "vitest";
import { bootedSystems } from "../support/lab-cluster.ts";
import { describeMonitoring } from "../support/monitoring.ts";

const [first, ...others] = bootedSystems;
if (others.length === 0) test.skip(`${first} is the only one: monitoring-told.test has it`, () => {});
describe.each(others)("%s", (os) => describeMonitoring(os, { isTold: false }));
