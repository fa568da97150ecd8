#!/bin/sh
# Gives a root filesystem a cgroup and namespaces of its own and boots it there; ends when its init ends.
# Arguments: NAME FOLDER LOWER. NAME is unique on this host; FOLDER holds upper, work, root and cgroup.
# Runs in a mount namespace of the lab, with a terminal as standard input.
set -eu
name=$1 folder=$2 lower=$3
here=$(dirname "$0")

# The unified hierarchy exists on every host, also where version 1 is mounted beside it.
mount -t cgroup2 cgroup2 "$folder/cgroup"

# Empty groups of labs that were killed. One that has a process cannot be removed.
clean() {
  find "$folder/cgroup" -mindepth 1 -depth -type d -path "$folder/cgroup/imagectl-lab-*" \
    -exec rmdir {} + 2>/dev/null || true
}

clean
group=$folder/cgroup/imagectl-lab-$name
mkdir -p "$group"

# Only init joins the group: systemd moves what it finds in there, and cannot move processes outside its
# pid namespace. The group that it is in becomes the root of its own cgroup namespace.
code=0
# shellcheck disable=SC2016 # the inner shell's own words
setpriv --pdeathsig KILL unshare --mount --pid --ipc --uts --fork --kill-child \
  sh -c 'mkdir -p "$0" && echo 0 >"$0/cgroup.procs" && exec unshare --cgroup sh "$@"' "$group" \
  "$here/boot-root.sh" "$lower" "$folder/upper" "$folder/work" "$folder/root" || code=$?

clean
exit "$code"
