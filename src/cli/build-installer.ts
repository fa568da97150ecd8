/** `imagectl build --os ubuntu-22.04`: an installer comes into the store, checked, and nothing else yet. */
import { ImagectlError } from "../errors.ts";
import { buildInstaller } from "../images/installer/installer-build.ts";
import type { Installer } from "../images/installer/installers.ts";
import { showBuild, untilInterrupted } from "./build-display.ts";
import type { CommandIo } from "./command.ts";

type Values = {
  readonly iso?: string | undefined;
  readonly sums?: string | undefined;
  readonly update?: boolean | undefined;
  readonly json?: boolean | undefined;
};

/** @returns the exit code. @throws ImagectlError ISO_… with what to get instead. */
export async function storeInstaller(installer: Installer, values: Values, io: CommandIo): Promise<number> {
  const { iso, sums, update, json } = values;
  if (iso === undefined && sums !== undefined) {
    throw new ImagectlError("USAGE", "--sums is for an ISO of your own", {
      hint: `imagectl build --os ${installer.os} --iso FILE --sums FILE`,
    });
  }
  const show = showBuild(io, json === true);
  const interrupted = "imagectl: interrupted; nothing was published, a download goes on the next time\n";
  const code = await untilInterrupted(io, { show, interrupted }, async (following) => {
    await buildInstaller({
      wanted: { installer, architecture: "amd64" },
      iso: iso === undefined ? undefined : { file: iso, sums },
      isUpdate: update === true,
      environment: io.env,
      ...following,
    });
    return 0;
  });
  if (code === 0 && json !== true) {
    io.stderr.write(
      `${installer.title} is in the store (imagectl images list). No node can be installed with it yet: the server\n` +
        "sends nodes to golden images only. What is there and what is missing: docs/installers.md\n",
    );
  }
  return code;
}
