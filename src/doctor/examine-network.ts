/** Judges the bastion's place on the network: interface, other DHCP servers, ports, what nodes need of it. Pure. */

import { complainAboutInterface } from "../interfaces.ts";
import { boardAddress, servicePorts } from "../ports.ts";
import { formatForeignServer } from "../pxe/dhcp/probe.ts";
import { type Answer, fine, type NetworkFacts, type NodeNeed, type ServerFact } from "./facts.ts";
import { hears, type Place, type ProcessOwner, type Socket } from "./sockets.ts";

/** @param server ours, where it runs. */
export function examineNetwork(network: NetworkFacts, server: ServerFact | undefined): Answer[] {
  return [
    examineInterface(network),
    ...examineForeignDhcp(network),
    ...ownPorts.map((port) => examinePort(port, network, server)),
    ...examineNeeds(network),
    ...network.nameServers.map(examineNameServer),
  ];
}

function examineInterface({ wanted, interfaces }: NetworkFacts): Answer {
  const { name, address, prefixLength } = wanted;
  const where = `interface ${name}`;
  const refuse = (message: string, hint: string): Answer => ({
    severity: "error",
    code: "INTERFACE_UNUSABLE",
    where,
    message,
    hint,
  });
  const complaint = complainAboutInterface(wanted, interfaces);
  if (complaint !== undefined) return refuse(`it ${complaint.message}`, complaint.hint);
  const own = interfaces
    .find((each) => each.name === name)
    ?.addresses.find((each) => each.address === address);
  if (own !== undefined && own.prefixLength !== prefixLength) {
    return refuse(
      `it has ${address}/${own.prefixLength}, the cluster file says /${prefixLength}`,
      `sudo ip address add ${address}/${prefixLength} dev ${name} && sudo ip address del ${address}/${own.prefixLength} dev ${name}`,
    );
  }
  return fine(where, `it is up and has ${address}/${prefixLength}`);
}

function examineForeignDhcp({ foreignDhcp, wanted }: NetworkFacts): Answer[] {
  const where = "other DHCP servers";
  if (foreignDhcp.kind === "not-asked") {
    const { reason, hint } = foreignDhcp;
    return [{ severity: "error", code: "DHCP_PROBE_FAILED", where, message: `not asked: ${reason}`, hint }];
  }
  if (foreignDhcp.servers.length === 0) return [fine(where, `none answers on ${wanted.name}`)];
  return foreignDhcp.servers.map((server) => ({
    severity: "error",
    code: "FOREIGN_DHCP_SERVER",
    where,
    message: `${formatForeignServer(server)} answers on ${wanted.name}; nodes would boot from either`,
    hint: `Switch it off, or give the nodes a network of their own. Find its port by its MAC in the switch: ip neigh show ${server.address}`,
  }));
}

type OwnPort = {
  readonly protocol: Socket["protocol"];
  readonly port: number;
  readonly purpose: string;
  /** Default: where nodes come in. */
  readonly place?: Place;
  /** What another program there keeps from working. Default: nodes. */
  readonly severity?: "warning";
};

const ownPorts: readonly OwnPort[] = [
  { protocol: "udp", port: servicePorts.dhcp, purpose: "DHCP" },
  { protocol: "udp", port: servicePorts.tftp, purpose: "TFTP" },
  { protocol: "tcp", port: servicePorts.control, purpose: "boot scripts and reports" },
  { protocol: "tcp", port: servicePorts.artefacts, purpose: "images" },
  {
    protocol: "tcp",
    port: servicePorts.board,
    purpose: "which GPUs are free",
    place: { name: "lo", address: boardAddress },
    severity: "warning",
  },
];

function examinePort(own: OwnPort, network: NetworkFacts, server: ServerFact | undefined): Answer {
  const { protocol, port, purpose, place = network.wanted, severity = "error" } = own;
  const name = `${protocol.toUpperCase()} ${port}`;
  const where = `${name} (${purpose})`;
  const { sockets, owners } = network;
  const holders = sockets.filter(
    (socket) => socket.protocol === protocol && socket.port === port && hears(socket, place),
  );
  const ownerOf = ({ process }: Socket) => owners.find((owner) => owner.pid === process?.pid);
  const isOurs = (socket: Socket): boolean =>
    server !== undefined && [socket.process?.pid, ownerOf(socket)?.parentPid].includes(server.pid);
  const stranger = holders.find((socket) => !isOurs(socket));
  if (stranger === undefined) return fine(where, holders.length === 0 ? "free" : "held by our own server");
  const { process } = stranger;
  const holder = process === undefined ? "another user's program" : `${process.name} (pid ${process.pid})`;
  return {
    severity,
    code: "PORT_IN_USE",
    where,
    message: `${holder} holds ${name} of ${stranger.device ?? "every interface"}`,
    hint: hintToEnd(stranger, ownerOf(stranger), protocol),
  };
}

function hintToEnd(socket: Socket, owner: ProcessOwner | undefined, protocol: string): string {
  const { process, port } = socket;
  if (process === undefined) return `See which it is: sudo ss -lnp --${protocol} 'sport = :${port}'`;
  const end = owner?.unit === undefined ? `kill ${process.pid}` : `systemctl disable --now ${owner.unit}`;
  return `${end}; or keep ${process.name} off this address in its own configuration`;
}

function examineNeeds({ needs, sockets, wanted }: NetworkFacts): Answer[] {
  const imagectlOwns = (need: NodeNeed) =>
    ownPorts.some(({ protocol, port }) => protocol === need.protocol && port === need.port);
  return needs
    .filter((need) => !imagectlOwns(need))
    .map((need): Answer => {
      const { protocol, port, comment, role, mend } = need;
      const where = `${protocol.toUpperCase()} ${port} (${comment})`;
      const listener = sockets.find(
        (socket) => socket.protocol === protocol && socket.port === port && hears(socket, wanted),
      );
      if (listener !== undefined)
        return fine(where, `${listener.process?.name ?? "a program"} answers nodes`);
      return {
        severity: "error",
        code: "SERVICE_MISSING",
        where,
        message: `the role ${role} sends nodes to ${wanted.address}, where nothing listens`,
        hint:
          mend ??
          "Install the service and let it listen for the nodes, or give the bastion a group whose role serves it (bastion.group)",
      };
    });
}

function examineNameServer({ address, failure }: NetworkFacts["nameServers"][number]): Answer {
  const where = `name server ${address}`;
  if (failure === undefined) return fine(where, "it answers");
  return {
    severity: "error",
    code: "NAME_SERVER_SILENT",
    where,
    message: `it does not answer: ${failure}`,
    hint: "Nodes are given it by network.dns of the cluster file: mend it or name another one",
  };
}
