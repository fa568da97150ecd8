/** Miniforge cannot be had here: an installer that takes its options, and leaves a conda that makes empty environments. */
import { sha256 } from "../../src/digest.ts";

const conda = `#!/bin/sh
# conda create --offline --yes --prefix PATH
[ "$1" = create ] && [ "$4" = --prefix ] || exit 2
mkdir -p "$5/conda-meta"
`;

const installer = `#!/bin/sh
# bash Miniforge3-Linux-x86_64.sh -b -p PREFIX
set -eu
[ "$1 $2" = "-b -p" ]
mkdir -p "$3/bin" "$3/etc/profile.d"
cat >"$3/bin/conda" <<'end'
${conda}end
chmod 755 "$3/bin/conda"
echo "conda() { $3/bin/conda \\"\\$@\\"; }" >"$3/etc/profile.d/conda.sh"
`;

const name = "Miniforge3-Linux-x86_64.sh";

/** Beside the cluster file, and as its parameters name it. */
export const miniforge = {
  files: { [name]: installer },
  params: `{installer: {path: ${name}, sha256: ${sha256(installer)}}}`,
};
