/** Asks the bastion's Prometheus, where it is, which alerts fire. */
import { z } from "zod";
import type { FiringAlert } from "./journal-page.ts";

/** Where the bastion's Prometheus answers, to this machine alone. Source: its HTTP API, "Alerts". */
const alertsUrl = "http://127.0.0.1:9090/api/v1/alerts";
const timeoutMs = 3_000;

const Alerts = z.object({
  data: z.object({
    alerts: z.array(
      z.object({
        labels: z.record(z.string(), z.string()),
        annotations: z.record(z.string(), z.string()).default({}),
        state: z.string(),
        activeAt: z.string(),
      }),
    ),
  }),
});

/** @returns undefined when nobody answers, or not as Prometheus does. */
export async function firingAlerts(): Promise<FiringAlert[] | undefined> {
  try {
    const response = await fetch(alertsUrl, { signal: AbortSignal.timeout(timeoutMs) });
    return readAlerts(await response.json());
  } catch {
    return undefined;
  }
}

/** @returns what fires and is trouble: neither news nor what fires all the time. */
export function readAlerts(answer: unknown): FiringAlert[] | undefined {
  const parsed = Alerts.safeParse(answer);
  return parsed.data?.data.alerts
    .filter(({ state, labels }) => state === "firing" && !["info", "none"].includes(labels.severity ?? ""))
    .map(({ labels, annotations, activeAt }) => ({
      name: labels.alertname ?? "an alert",
      summary: annotations.summary ?? "",
      action: annotations.action ?? "",
      since: activeAt,
    }));
}
