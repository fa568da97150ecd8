# shellcheck shell=sh
# Runs on a running node as root: puts the deploy environment into its memory, ready for `systemctl kexec`. In front
# of it stand kernel and initrds, lines of "SHA-256 URL", and command_line. Nothing is loaded that is not whole.
set -eu
umask 077
# In RAM, and gone with the system that goes.
folder=$(mktemp -d /run/imagectl-kexec.XXXXXX)
trap 'rm -rf "$folder"' EXIT

# fetch FILE, lines of "SHA-256 URL" on standard input: all of them, one after the other, in FILE.
fetch() {
  : >"$1"
  while read -r sha256 url; do
    curl --silent --show-error --fail --connect-timeout 10 --output "$folder/part" "$url" || return 1
    echo "$sha256  $folder/part" | sha256sum --check --quiet || return 1
    cat "$folder/part" >>"$1"
    rm "$folder/part"
  done
}

for program in curl kexec; do
  command -v "$program" >/dev/null || {
    echo "$program is not installed: the group needs the role fast-restart, and its image one reinstall by reboot" >&2
    exit 1
  }
done
# shellcheck disable=SC2154 # stands in front of this script
printf '%s\n' "$kernel" | fetch "$folder/kernel"
# shellcheck disable=SC2154
printf '%s\n' "$initrds" | fetch "$folder/initrd"
# -s: kexec_file_load, where the kernel itself checks signatures and hands over what UEFI and ACPI need.
# shellcheck disable=SC2154
kexec -s -l "$folder/kernel" --initrd="$folder/initrd" --command-line="$command_line"
[ "$(cat /sys/kernel/kexec_loaded)" = 1 ]
