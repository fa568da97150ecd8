/** `imagectl build --os ubuntu-22.04`: an installer comes into the store, checked, and nothing else yet. */
import { ImagectlError } from "../errors.ts";
import { buildInstaller } from "../images/installer/installer-build.ts";
import type { Installer } from "../images/installer/installers.ts";
import { abortOnSignals, interruptedExitCode, showJson, showText } from "./build-display.ts";
import type { CommandIo } from "./command.ts";

type Values = {
  readonly iso?: string | undefined;
  readonly sums?: string | undefined;
  readonly json?: boolean | undefined;
};

/** @returns the exit code. @throws ImagectlError ISO_… with what to get instead. */
export async function storeInstaller(installer: Installer, values: Values, io: CommandIo): Promise<number> {
  if (values.iso === undefined) {
    throw new ImagectlError("USAGE", `${installer.os} is stored from an ISO`, {
      hint: `Download it with its SHA256SUMS and SHA256SUMS.gpg from ${installer.places.current}, then: imagectl build --os ${installer.os} --iso FILE`,
    });
  }
  const { signal, release } = abortOnSignals();
  const show = values.json === true ? showJson(io) : showText(io);
  try {
    await buildInstaller({
      wanted: { installer, architecture: "amd64" },
      iso: { file: values.iso, sums: values.sums },
      environment: io.env,
      signal,
      onEvent: show.event,
    });
  } catch (error) {
    if (!signal.aborted) throw error;
    io.stderr.write("imagectl: interrupted; nothing was published\n");
    return interruptedExitCode;
  } finally {
    show.end();
    release();
  }
  if (values.json !== true) {
    io.stderr.write(
      `${installer.title} is in the store (imagectl images list). No node can be installed with it yet: the server\n` +
        "sends nodes to golden images only. What is there and what is missing: docs/installers.md\n",
    );
  }
  return 0;
}
