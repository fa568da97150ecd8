/** `debian-12`: family and release of an operating system, as /etc/os-release's ID and VERSION_ID. */

export type OsParts = { readonly family: string; readonly version: string };

/** @param id has the form that the cluster file's schema asks for: family, dash, version. */
export function splitOsId(id: string): OsParts {
  const dash = id.lastIndexOf("-");
  return dash < 0 ? { family: id, version: "" } : { family: id.slice(0, dash), version: id.slice(dash + 1) };
}
