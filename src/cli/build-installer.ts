/** `imagectl build --os ubuntu-22.04`: an installer comes into the store, checked, with what its session fetches. */
import { ImagectlError } from "../errors.ts";
import { buildDeployEnvironment } from "../images/build.ts";
import { environmentSystem } from "../images/catalogue.ts";
import { buildInstaller, type InstallerRequest } from "../images/installer/installer-build.ts";
import type { Installer } from "../images/installer/installers.ts";
import { environmentArtefact } from "../images/recipe.ts";
import { runBuild } from "../images/workshop.ts";
import type { Artefact } from "../store/manifest.ts";
import { showBuild, untilInterrupted } from "./build-display.ts";
import type { CommandIo } from "./command.ts";

type Values = {
  readonly iso?: string | undefined;
  readonly sums?: string | undefined;
  readonly update?: boolean | undefined;
  readonly json?: boolean | undefined;
};

/** Makes the environment, or finds it up to date. @returns what is in the store of it. */
export type MakeEnvironment = (
  request: Pick<InstallerRequest, "environment" | "onEvent" | "signal">,
) => Promise<Artefact>;

/** @returns the exit code. @throws ImagectlError ISO_… with what to get instead, and as builds do. */
export async function storeInstaller(
  installer: Installer,
  values: Values,
  io: CommandIo,
  makeEnvironment: MakeEnvironment = makeOfPackages,
): Promise<number> {
  const { iso, sums, update, json } = values;
  if (iso === undefined && sums !== undefined) {
    throw new ImagectlError("USAGE", "--sums is for an ISO of your own", {
      hint: `imagectl build --os ${installer.os} --iso FILE --sums FILE`,
    });
  }
  const show = showBuild(io, json === true);
  const interrupted = "imagectl: interrupted; nothing was published, a download goes on the next time\n";
  const code = await untilInterrupted(io, { show, interrupted }, async (following) => {
    const shared = { environment: io.env, ...following };
    await buildInstaller({
      wanted: { installer, architecture: "amd64" },
      iso: iso === undefined ? undefined : { file: iso, sums },
      isUpdate: update === true,
      makeEnvironment: () => makeEnvironment(shared),
      ...shared,
    });
    return 0;
  });
  if (code === 0 && json !== true) {
    io.stderr.write(
      `${installer.title} is in the store (imagectl images list). A node gets it with "os: ${installer.os}" and\n` +
        '"method: installer" in its group. What of it has been proved, and how: docs/installers.md\n',
    );
  }
  return code;
}

async function makeOfPackages(
  request: Pick<InstallerRequest, "environment" | "onEvent" | "signal">,
): Promise<Artefact> {
  const build = { os: environmentSystem, isUpdate: false, filesFrom: ".", ...request };
  const { manifest } = await runBuild(build, buildDeployEnvironment);
  const found = manifest.artefacts.find(({ name }) => name === environmentArtefact);
  if (found !== undefined) return found;
  throw new ImagectlError("IMAGE_DAMAGED", `the deploy environment has no ${environmentArtefact}`, {
    hint: `Build it again: imagectl build --os ${environmentSystem.id} --update`,
  });
}
