/** What an attempt's node is given on its way: boot values with a fresh token, steps, overlay, host certificate. */
import { endingWithKexec, type Orders, planRescue } from "../deploy/endings.ts";
import { type DeployArtefacts, planDeploy } from "../deploy/plan-deploy.ts";
import { type LayerFacts, planInstall } from "../deploy/plan-install.ts";
import { sha256 } from "../digest.ts";
import { ImagectlError } from "../errors.ts";
import { signHostKey } from "../host-ca.ts";
import type { Attempt, Attempts } from "../nodes/attempts.ts";
import { isProvenMachine } from "../nodes/proven.ts";
import type { Seeds } from "../nodes/seeds.ts";
import { nodeOverlay } from "../plan/fill-secrets.ts";
import type { Inventory } from "../plan/inventory.ts";
import { type BootFiles, bootFilesOf } from "../pxe/boot/script.ts";
import type { DeployBoot } from "../pxe/http/boot-route.ts";
import type { Nocloud } from "../pxe/http/installer-report-routes.ts";
import type { SecretStore } from "../secrets.ts";
import type { Firmware, Image, Manifest } from "../store/manifest.ts";
import {
  autoinstallFor,
  installedLayer,
  nocloudFor,
  preseedFor,
  turnsOf,
  type UbuntuSession,
} from "./installations.ts";
import type { Manifests } from "./manifests.ts";

export type DeploymentSettings = {
  readonly attempts: Pick<Attempts, "events" | "frozenPlan" | "get">;
  readonly seeds: Pick<Seeds, "mint" | "claimHostKey" | "keepCertificate">;
  readonly manifests: Manifests;
  readonly secrets: Pick<SecretStore, "read">;
  /** @throws ImagectlError when what the image boots is not what was published. */
  readonly requireWhole: (image: Image) => Promise<void>;
  /** `http://10.77.0.1:8080`, without a slash at the end. */
  readonly controlUrl: string;
  /** `http://10.77.0.1:8081/artefacts`. */
  readonly artefactsUrl: string;
  /** Path of the host CA's private key. */
  readonly hostCaKey: string;
  /** The bastion's public key for nodes, one OpenSSH line. */
  readonly agentKey: string;
  readonly now: () => Date;
  /** A fresh seed token, 256 random bits as hex. */
  readonly newToken: () => string;
};

export type Deployments = {
  /** @returns undefined when the attempt takes no further try: the node gets its disk. */
  prepareBoot(attemptId: number): Promise<DeployBoot | undefined>;
  /**
   * What kexec loads on the running node: as the boot script would have it.
   * @throws ImagectlError BOOT_ENTRY_MISSING, NODE_NOT_ARMED when the attempt takes no further try.
   */
  bootFilesOf(attempt: Attempt, firmware: Firmware): Promise<BootFiles>;
  /** What the deploy environment of this attempt is to do on this machine. */
  planDeploy(attempt: Attempt, inventory: Inventory): Promise<Orders>;
  overlayOf(attempt: Attempt): Promise<Uint8Array>;
  /** For the system's own installer, which has no image that it could be in: the image layer, with its packages. */
  imageLayerOf(attempt: Attempt): Promise<Uint8Array>;
  /** The answers to that installer's questions. @throws ImagectlError OS_UNKNOWN. */
  preseedOf(attempt: Attempt): string;
  /**
   * What Ubuntu's session is given before it has looked at the machine; undefined where no such installer is booted.
   * @param token of this boot.
   */
  nocloudOf(attempt: Attempt, token: string): Promise<Nocloud | undefined>;
  /** And after: the answers for this machine. @throws ImagectlError INVENTORY_MALFORMED before it sent an inventory. */
  autoinstallOf(attempt: Attempt, token: string): Promise<string>;
  certify(attempt: Attempt, tokenSha256: string, hostKey: string): Promise<string | undefined>;
};

/** What the builder calls the packed root filesystem. */
const rootArtefact = "root.tar.zst";

export function openDeployments(settings: DeploymentSettings): Deployments {
  const { attempts, seeds, manifests, now } = settings;
  const overlayOf = (attempt: Attempt): Promise<Uint8Array> =>
    nodeOverlay(attempts.frozenPlan(attempt.id).node, settings.secrets);
  const imageLayerOf = (attempt: Attempt): Promise<Uint8Array> =>
    installedLayer(attempts.frozenPlan(attempt.id).image);
  const sessionOf = async (attempt: Attempt, token: string): Promise<UbuntuSession> => {
    const { manifest } = await manifests.get(attempt.imageId);
    return { seedUrl: seedUrlOf(token), manifest };
  };
  const seedUrlOf = (token: string): string => `${settings.controlUrl}/seed/${token}`;
  const planOf = (attempt: Attempt, inventory: Inventory): Promise<Orders> =>
    planOrders(settings, attempt, inventory);
  const prepareBoot = async (attemptId: number): Promise<DeployBoot | undefined> => {
    const attempt = attempts.get(attemptId);
    if (attempt === undefined) return undefined;
    const { node } = attempts.frozenPlan(attemptId);
    // Only the bastion has none, and it is never armed.
    if (node.mac === undefined) return undefined;
    const image = await manifests.get(attempt.imageId);
    await settings.requireWhole(image);
    const { manifest } = image;
    const token = settings.newToken();
    if (seeds.mint(attemptId, sha256(token), now()).kind === "refused") return undefined;
    const values = {
      seedUrl: seedUrlOf(token),
      artefactsUrl: settings.artefactsUrl,
      address: node.address,
      prefixLength: node.prefixLength,
      mac: node.mac,
      bastionAddress: node.bastionAddress,
      hostname: node.hostname,
      domain: node.domain,
      kernelArguments: node.kernelArguments,
    };
    return { manifest, values };
  };
  return {
    overlayOf,
    imageLayerOf,
    nocloudOf: async (attempt, token) => {
      const plan = attempts.frozenPlan(attempt.id);
      if (plan.node.method !== "installer" || turnsOf(plan.image.os) !== "ubuntu") return undefined;
      return nocloudFor(plan, await sessionOf(attempt, token));
    },
    autoinstallOf: async (attempt, token) => {
      const orders = await planOf(attempt, lastInventory(settings, attempt));
      const steps = orders.kind === "deploy" ? orders.steps : [];
      const target = steps.find((step) => step.kind === "installer-system");
      if (target === undefined) throw notForUbuntu(attempt);
      return autoinstallFor(attempts.frozenPlan(attempt.id), await sessionOf(attempt, token), target);
    },
    preseedOf: (attempt) => preseedFor(attempts.frozenPlan(attempt.id)),
    prepareBoot,
    bootFilesOf: async ({ id, node }, firmware) => {
      const boot = await prepareBoot(id);
      if (boot !== undefined) return bootFilesOf({ ...boot, firmware });
      throw new ImagectlError("NODE_NOT_ARMED", `the attempt of ${node} takes no further try`, {
        hint: `imagectl events ${node}`,
      });
    },
    planDeploy: planOf,
    certify: (attempt, tokenSha256, hostKey) => certify(settings, { attempt, tokenSha256, hostKey }),
  };
}

/** What a node of this attempt is to do: Ubuntu's asks again once its inventory is known, and must hear the same. */
async function planOrders(
  { attempts, manifests, secrets, agentKey }: DeploymentSettings,
  attempt: Attempt,
  inventory: Inventory,
): Promise<Orders> {
  const plan = attempts.frozenPlan(attempt.id);
  const { node, image } = plan;
  if (attempt.state.purpose === "rescue")
    return planRescue({ agentKey, bastionAddress: node.bastionAddress });
  const [{ manifest }, nodeLayer] = await Promise.all([
    manifests.get(attempt.imageId),
    nodeOverlay(node, secrets),
  ]);
  if (node.method === "installer") {
    const imageLayer = factsOf(await installedLayer(image));
    const { boot } = manifest;
    const artefacts = { turns: turnsOf(image.os), imageLayer, nodeLayer: factsOf(nodeLayer), boot };
    return planInstall(inventory, plan, artefacts);
  }
  const orders = planDeploy(inventory, plan, artefactsOf(manifest, nodeLayer));
  const isShortcut =
    node.restart === "kexec" && isProvenMachine(attempts.events({ node: attempt.node }), inventory);
  return isShortcut ? endingWithKexec(orders) : orders;
}

function lastInventory({ attempts }: DeploymentSettings, { id, node }: Attempt): Inventory {
  const bodies = attempts.events({ attempt: id }).map(({ body }) => body);
  const last = bodies.findLast((body) => body.kind === "inventory-received");
  if (last !== undefined) return last.inventory;
  throw new ImagectlError("INVENTORY_MALFORMED", `${node} asks for its answers before it said what it is`, {
    hint: "Switch the node off and on for another try.",
  });
}

function notForUbuntu({ node }: Attempt): ImagectlError {
  return new ImagectlError("INVENTORY_MALFORMED", `${node} is not installed by Ubuntu's installer`, {
    hint: "Switch the node off and on: it boots what it is armed with.",
  });
}

function factsOf(layer: Uint8Array): LayerFacts {
  return { sha256: sha256(layer), bytes: layer.length };
}

function artefactsOf(manifest: Manifest, overlay: Uint8Array): DeployArtefacts {
  const root = manifest.artefacts.find(({ name }) => name === rootArtefact);
  if (root === undefined) {
    throw new ImagectlError("IMAGE_DAMAGED", `the image of ${manifest.os} has no ${rootArtefact}`, {
      hint: `Build it again: imagectl build --os ${manifest.os}`,
    });
  }
  return {
    rootSha256: root.sha256,
    rootBytes: root.bytes,
    rootUnpackedBytes: manifest.rootBytes,
    overlaySha256: sha256(overlay),
    overlayBytes: overlay.length,
    boot: manifest.boot,
  };
}

/** Two requests at once may both sign; the later certificate is kept, and both are for the same key. */
async function certify(
  { attempts, seeds, hostCaKey }: DeploymentSettings,
  { attempt, tokenSha256, hostKey }: { attempt: Attempt; tokenSha256: string; hostKey: string },
): Promise<string | undefined> {
  const claim = seeds.claimHostKey(tokenSha256, hostKey);
  switch (claim.kind) {
    case "other-key":
      return undefined;
    case "signed":
      return claim.certificate;
    case "sign": {
      const { hostname, domain, address } = attempts.frozenPlan(attempt.id).node;
      const request = { hostname, domain, address, hostKey, serial: claim.serial };
      const certificate = await signHostKey(hostCaKey, request);
      seeds.keepCertificate(tokenSha256, certificate);
      return certificate;
    }
    default:
      return claim satisfies never;
  }
}
