/** `GET /boot/<mac>/script.ipxe?firmware=…`, the script that iPXE runs, decided where DHCP's answer is decided; and iPXE itself. */
import type { FastifyPluginAsync } from "fastify";
import { z } from "zod";
import { MacAddress } from "../../address.ts";
import { describeError } from "../../errors.ts";
import { type Firmware, firmwares, type Manifest } from "../../store/manifest.ts";
import type { ChainloadFile } from "../boot/chainload.ts";
import type { CommandLineValues } from "../boot/command-line.ts";
import { type BootDecision, type BootTarget, decide } from "../boot/decide.ts";
import {
  type BootTemplates,
  renderDeployScript,
  renderLocalDiskScript,
  renderRefusedScript,
  renderTryAgainScript,
} from "../boot/script.ts";
import { text } from "./plain-text.ts";

export type BootRouteEvent =
  | { readonly kind: "script-served"; readonly mac: MacAddress; readonly script: "local-disk" | "refused" }
  | {
      readonly kind: "script-served";
      readonly mac: MacAddress;
      readonly script: "deploy" | "rescue";
      readonly attemptId: number;
    }
  | {
      readonly kind: "too-small";
      readonly mac: MacAddress;
      readonly attemptId: number;
      readonly memoryMiB: number;
    }
  | {
      readonly kind: "script-not-served";
      readonly mac: MacAddress;
      readonly address: string;
      readonly reason:
        | Extract<BootDecision, { kind: "ignore" }>["reason"]
        | "not-the-nodes-address"
        | "failed";
      readonly message: string;
    };

export type DeployBoot = { readonly manifest: Manifest; readonly values: CommandLineValues };

export type BootRouteDependencies = {
  /** `http://10.77.0.1:8080`, without a slash at the end. */
  readonly controlUrl: string;
  readonly templates: BootTemplates;
  /** iPXE, for firmware that boots by HTTP: `GET /boot/<file>`. */
  readonly chainloadFiles: readonly ChainloadFile[];
  readonly lookup: (mac: MacAddress) => BootTarget;
  readonly now: () => Date;
  /**
   * The image of a live attempt, and the values of its command line with a freshly minted seed URL.
   * Undefined: the attempt takes no further try, and the node gets its disk.
   */
  readonly prepareBoot: (attemptId: number) => DeployBoot | undefined | Promise<DeployBoot | undefined>;
  readonly log: (event: BootRouteEvent) => void;
};

const Parameters = z.object({ mac: MacAddress });
const Query = z.object({ firmware: z.enum(firmwares) });
const TooSmallQuery = z.object({ memory: z.coerce.number().int().min(1).max(1_000_000) });

/**
 * Statuses: 200 with a script that says what happens, for every known node. 404 for a machine that is not one:
 * it learns nothing, and its iPXE goes on to the next device. 403 for another address than the node's own: the
 * script carries a seed token. Our failure is a script, too: iPXE would leave for the disk after a 5xx, and an
 * armed node must ask again.
 */
export function bootRoute(dependencies: BootRouteDependencies): FastifyPluginAsync {
  return async (server) => {
    // UEFI asks for the size by HEAD first.
    const withHead = { exposeHeadRoute: true };
    server.get<{ Params: { file: string } }>("/boot/:file", withHead, async (request, reply) => {
      const found = dependencies.chainloadFiles.find(({ name }) => name === request.params.file);
      if (found === undefined) return text(reply, 404, "no such file\n");
      return reply.type("application/efi").send(found.bytes);
    });
    // A HEAD would mint a token that nobody reads.
    server.get("/boot/:mac/script.ipxe", { exposeHeadRoute: false }, async (request, reply) => {
      const parameters = Parameters.safeParse(request.params);
      const query = Query.safeParse(request.query);
      if (!parameters.success || !query.success) return text(reply, 400, "no such MAC or firmware\n");
      const answer = await scriptFor(
        {
          mac: parameters.data.mac,
          firmware: query.data.firmware,
          address: request.ip.replace(/^::ffff:/, ""),
          url: request.url,
        },
        dependencies,
      );
      dependencies.log(answer.event);
      return text(reply, answer.status, answer.body);
    });
    server.get("/boot/:mac/too-small", { exposeHeadRoute: false }, async (request, reply) => {
      const parameters = Parameters.safeParse(request.params);
      const query = TooSmallQuery.safeParse(request.query);
      if (!parameters.success || !query.success) return text(reply, 400, "no such MAC or size\n");
      const { mac } = parameters.data;
      const target = dependencies.lookup(mac);
      // The same doors as for the script: an unknown machine learns nothing, and nobody speaks for another.
      if (target.kind === "unknown") return text(reply, 404, "nothing is here\n");
      if (request.ip.replace(/^::ffff:/, "") !== target.address) return text(reply, 403, "not your node\n");
      if (target.attempt !== undefined) {
        const { id: attemptId } = target.attempt;
        dependencies.log({ kind: "too-small", mac, attemptId, memoryMiB: query.data.memory });
      }
      return text(reply, 200, "noted\n");
    });
  };
}

type ScriptRequest = {
  readonly mac: MacAddress;
  readonly firmware: Firmware;
  readonly address: string;
  /** The path and query that it asked for; iPXE takes it as relative to where the script came from. */
  readonly url: string;
};
type ScriptAnswer = { readonly status: number; readonly body: string; readonly event: BootRouteEvent };
type NotServed = Extract<BootRouteEvent, { kind: "script-not-served" }>;

async function scriptFor(request: ScriptRequest, dependencies: BootRouteDependencies): Promise<ScriptAnswer> {
  const { mac, address } = request;
  const refuse = (status: number, reason: NotServed["reason"], message: string): ScriptAnswer => ({
    status,
    body: `${message}\n`,
    event: { kind: "script-not-served", mac, address, reason, message },
  });
  const target = dependencies.lookup(mac);
  if (target.kind === "unknown") return refuse(404, "unknown-mac", `${mac} is not a node`);
  if (address !== target.address) {
    return refuse(403, "not-the-nodes-address", `${target.hostname} has the address ${target.address}`);
  }
  try {
    return await scriptForNode(request, target, dependencies);
  } catch (error) {
    const reason = describeError(error);
    const again = { hostname: target.hostname, reason, scriptUrl: request.url };
    return { ...refuse(200, "failed", reason), body: renderTryAgainScript(dependencies.templates, again) };
  }
}

async function scriptForNode(
  { mac, firmware }: ScriptRequest,
  target: Extract<BootTarget, { kind: "node" }>,
  { templates, now, prepareBoot, controlUrl }: BootRouteDependencies,
): Promise<ScriptAnswer> {
  const { hostname } = target;
  const asked = { protocol: "ipxe", mac, firmware, isPxeClient: true, isIpxe: true } as const;
  const decision = decide(asked, target, now());
  const localDisk: ScriptAnswer = {
    status: 200,
    body: renderLocalDiskScript(templates, hostname, firmware),
    event: { kind: "script-served", mac, script: "local-disk" },
  };
  switch (decision.kind) {
    case "deploy":
    case "rescue": {
      const { attemptId, kind: purpose } = decision;
      const boot = await prepareBoot(attemptId);
      if (boot === undefined) return localDisk;
      const tooSmallUrl = `${controlUrl}/boot/${mac.replaceAll(":", "-")}/too-small`;
      return {
        status: 200,
        body: renderDeployScript(templates, { hostname, attemptId, purpose, firmware, tooSmallUrl, ...boot }),
        event: { kind: "script-served", mac, script: purpose, attemptId },
      };
    }
    case "ignore":
      return {
        status: 200,
        body: renderRefusedScript(templates, hostname, decision.reason),
        event: { kind: "script-served", mac, script: "refused" },
      };
    case "boot-local-disk":
    // iPXE asks to boot, so these two do not come up; the disk is what does no harm.
    case "chainload-ipxe":
    case "address-only":
      return localDisk;
    default:
      return decision satisfies never;
  }
}
