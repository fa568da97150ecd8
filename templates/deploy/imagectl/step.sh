# shellcheck shell=dash
# Runs one step: dash step.sh KIND KEY=VALUE... Started by steps.sh, once per step, in a process group of its own.
# Each kind is the function step_KIND; its parameters are in variables of their names. A step ends with the first
# command that fails. What it prints is its log.
set -eu

here=${0%/*}
# shellcheck source=templates/deploy/imagectl/base.sh
. "$here/base.sh"
# shellcheck source=templates/deploy/imagectl/http.sh
. "$here/http.sh"
# shellcheck source=templates/deploy/imagectl/report.sh
. "$here/report.sh"
# shellcheck source=templates/deploy/imagectl/disk.sh
. "$here/disk.sh"
# shellcheck source=templates/deploy/imagectl/mirror.sh
. "$here/mirror.sh"
# shellcheck source=templates/deploy/imagectl/data-disk.sh
. "$here/data-disk.sh"
# shellcheck source=templates/deploy/imagectl/stream.sh
. "$here/stream.sh"
# shellcheck source=templates/deploy/imagectl/target.sh
. "$here/target.sh"
# shellcheck source=templates/deploy/imagectl/boot.sh
. "$here/boot.sh"
# shellcheck source=templates/deploy/imagectl/kexec.sh
. "$here/kexec.sh"
# shellcheck source=templates/deploy/imagectl/rescue.sh
. "$here/rescue.sh"

# Everything that a step can be told.
disk='' disks='' root='' sha256='' bytes='' firmware=''
device='' uuid='' filesystem='' name='' mount=''
key='' from=''

kind=$1
shift
for parameter; do
  value=${parameter#*=}
  case $parameter in
    disk=*) disk=$value ;;
    disks=*) disks=$(echo "$value" | tr , ' ') ;;
    root=*) root=$value ;;
    device=*) device=$value ;;
    uuid=*) uuid=$value ;;
    filesystem=*) filesystem=$value ;;
    name=*) name=$value ;;
    mount=*) mount=$value ;;
    sha256=*) sha256=$value ;;
    bytes=*) bytes=$value ;;
    firmware=*) firmware=$value ;;
    key=*) key=$value ;;
    from=*) from=$value ;;
    *)
      echo "$kind has the parameter ${parameter%%=*}, which this deploy environment does not know"
      exit 64
      ;;
  esac
done

function=step_$(printf '%s' "$kind" | tr - _)
case $kind in
  *[!a-z-]*) function= ;;
esac
if ! command -v "$function" >/dev/null; then
  echo "this deploy environment has no step $kind: build the image anew with imagectl build"
  exit 64
fi
"$function"
