#!/bin/sh
# Puts back what an apply changed. templates/apply.sh reads its functions from here and leaves a copy beside the
# old files, so that they come back also when nothing of the apply is left: killed, or cut off by a restart.
#
#   undo --watch FOLDER     waits until the apply that keeps its old files there has ended, however it ended
#   undo --at-boot FOLDER   before anything is started
#
# FOLDER has: root/ (the old files), paths (what must be as it is there, or not be), ran/ (scripts to run again),
# units (UNIT, how it was enabled, how active), undo (this).

state=/var/lib/imagectl
guard=/etc/systemd/system/imagectl-undo.service
guard_link=/etc/systemd/system/sysinit.target.wants/imagectl-undo.service

say() { printf '%s\n' "$*" || :; }
fail() { say "failed: $*"; exit 1; }

# Runs a program with its output in $work/output, away from our input and lock.
logged() { (cd / && exec "$@") </dev/null >"$work/output" 2>&1 9>&-; }

# Puts every old file back, then lets what has seen the new ones see the old ones. Can itself be killed.
roll_back() { # at-boot: where a job that is waited for would wait for us
  if [ -e "$undo/paths" ]; then
    while read -r path; do
      put_back "$path" || fail "$path could not be put back; make room and run apply again"
    done <"$undo/paths"
  fi
  for script in "$undo"/ran/*; do
    [ -e "$script" ] || continue
    logged sh "$script" || say "    could not be undone: $(tail -n1 "$work/output")"
  done
  if [ -e "$undo/units" ]; then
    logged systemctl daemon-reload || :
    while read -r unit enabled _; do restore_enablement "$unit" "$enabled"; done <"$undo/units"
    while read -r unit _ active; do restore_activity "$unit" "$active" "${1-}"; done <"$undo/units"
  fi
  forget_old_files
}

put_back() {
  rm -f "$1.imagectl-new"
  if [ -e "$undo/root$1" ] || [ -L "$undo/root$1" ]; then
    cp -a --remove-destination "$undo/root$1" "$1.imagectl-new" && mv -fT "$1.imagectl-new" "$1"
  else
    rm -f "$1"
  fi
}

restore_enablement() {
  case $2 in
    enabled*) set -- "$1" unmask enable ;;
    disabled) set -- "$1" unmask disable ;;
    masked*) set -- "$1" mask ;;
    *) return 0 ;;
  esac
  unit=$1
  shift
  for verb in "$@"; do
    logged systemctl "$verb" "$unit" || say "    $unit: $(tail -n1 "$work/output")"
  done
}

restore_activity() {
  case $2 in
    active | activating | reloading) verb=restart ;;
    *) verb=stop ;;
  esac
  # shellcheck disable=SC2086 # an option or nothing
  logged systemctl ${3:+--no-block} "$verb" "$1" || say "    $1: $(tail -n1 "$work/output")"
}

# With one rename: half of the old files and their whole list would have the other half removed.
forget_old_files() {
  rm -rf "$undo.done"
  mv "$undo" "$undo.done"
  forget_the_rest
}

# Also what is left by a run that was killed when all else was done.
forget_the_rest() {
  forget_guard
  rm -rf "$undo.done"
}

# While a change waits for its confirmation, two look after it: a service that outlives the apply, and a unit for
# the next start. It comes before all that the change may have broken: the UNITs.
guard_old_files() { # UNIT...
  mkdir -p "${guard_link%/*}"
  cat >"$guard" <<END
[Unit]
Description=Put back what an apply changed and nobody confirmed
ConditionPathExists=$undo/undo
DefaultDependencies=no
RequiresMountsFor=$state
After=local-fs.target
Before=sysinit.target network-pre.target $*

[Service]
Type=oneshot
ExecStart=/bin/sh $undo/undo --at-boot $undo
END
  ln -sfn "$guard" "$guard_link"
  to_disk
  logged systemd-run --quiet --collect --unit="imagectl-undo-watch-$$" /bin/sh "$undo/undo" --watch "$undo"
}

forget_guard() {
  if [ ! -e "$guard" ] && [ ! -L "$guard_link" ]; then return 0; fi
  rm -f "$guard" "$guard_link"
  rmdir "${guard_link%/*}" 2>/dev/null || :
}

undo_main() {
  umask 022
  export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
  undo=$2
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  # It is free as soon as no apply runs: the kernel unlocks for whoever is killed.
  exec 9>>"$state/lock"
  flock 9
  [ -d "$undo" ] || { forget_the_rest; exit 0; }
  case $1 in
    --watch) IMAGECTL_RUNNING=yes ;;
    --at-boot) IMAGECTL_RUNNING=no ;;
  esac
  export IMAGECTL_RUNNING
  say "an apply did not end: its changes are undone"
  [ "$1" = --watch ] || set -- "$1" "$2" at-boot
  roll_back "${3-}"
}

case ${0##*/} in undo) undo_main "$@" ;; esac
