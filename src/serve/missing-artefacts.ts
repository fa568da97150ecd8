/** A node asks for a part of its image that is gone from the store: its attempt says so, once. */
import type { Attempt } from "../nodes/attempts.ts";
import type { EventBody } from "../nodes/event.ts";
import type { Manifest } from "../store/manifest.ts";

export type MissingDependencies = {
  readonly live: () => readonly Attempt[];
  /** As far as it is in memory; that of a live attempt is. */
  readonly manifestOf: (imageId: string) => Manifest | undefined;
  readonly append: (attemptId: number, body: EventBody) => void;
  /** For clients that are no node on its way. */
  readonly onStranger: (client: string, sha256: string) => void;
};

/** @returns what to call for each such request. The node asks again every few seconds. */
export function tellMissing(dependencies: MissingDependencies): (sha256: string, client: string) => void {
  const { live, manifestOf, append, onStranger } = dependencies;
  return (sha256, client) => {
    const attempt = live().find(({ address }) => address === client);
    if (attempt === undefined) return onStranger(client, sha256);
    const manifest = manifestOf(attempt.imageId);
    const name = manifest?.artefacts.find((artefact) => artefact.sha256 === sha256)?.name ?? sha256;
    const message = `${name} is gone from the store; build it again: imagectl build --os ${manifest?.os ?? "OS"}`;
    if (attempt.state.cause?.message.includes(message) === true) return;
    append(attempt.id, { kind: "server-failed", request: "loading its image", message });
  };
}
