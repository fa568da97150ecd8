#!/bin/sh
# Applies one layer of a plan to the system it runs in. All that differs between layers is data beside this
# script (its format: src/plan/overlay.ts): packages, files, validators, commands, services, in this order.
#
#   apply [--root DIR] [--dry-run | --confirm[=SECONDS]]
#
# Says a line for each thing that it does, or with --dry-run would do: package NAME, A|M|D PATH (added, modified,
# deleted), K PATH (kept aside), command NAME, service UNIT ACTION. Ends with 0 when it is done or there is nothing
# to do, 1 when it failed and the old files are back, 2 for wrong usage, 3 when a dry run found something to do.
# --confirm: on a running system that was changed, undo everything unless $confirmed appears in time (60 s).
# Whoever applies over the network makes it, over a new connection: a firewall that shuts him out shows only there.
# What is not confirmed also comes back when this script is killed meanwhile, or the system restarts: undo, beside it.
#
# It can be killed at any point. Before the first file is switched, all old ones are in $undo, beside what
# must run again if they come back. $undo goes away when everything is done, so a run that finds it undoes first.
set -eu
umask 022
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive
# yes where a systemd runs here and is ours: what commands and validators ask before they touch the live system.
export IMAGECTL_RUNNING=no

policy=/usr/sbin/policy-rc.d
confirmed=/run/imagectl-confirmed
# While a confirmation is waited for: since when (seconds of uptime), and for how many seconds.
waiting=/run/imagectl-waiting

data=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
state=
# shellcheck disable=SC1091 # templates/undo.sh, which is beside this as undo; it says where $state is
. "$data/undo"

# Says what is done now. False in a dry run: then it is not done.
doing() {
  say "$*"
  did=$((did + 1))
  [ "$dry_run" = no ]
}

main() {
  dry_run=no confirm=0 root=
  while [ $# -gt 0 ]; do
    case $1 in
      --dry-run) dry_run=yes ;;
      --confirm) confirm=60 ;;
      --confirm=[1-9]*) confirm=${1#*=} ;;
      --root) root=${2:?--root needs a folder}; shift ;;
      *) say "usage: apply [--root DIR] [--dry-run | --confirm[=SECONDS]]"; exit 2 ;;
    esac
    shift
  done
  [ -z "$root" ] || apply_inside
  # cp --parents looks for the folders of a path from here.
  cd /

  # In a chroot, /run and /proc may be the host's.
  if [ -d /run/systemd/system ] && [ "$(stat -Lc %d:%i /proc/1/root/.)" = "$(stat -Lc %d:%i /.)" ]; then
    IMAGECTL_RUNNING=yes
  fi
  layer=$(cat "$data/layer")
  applied=$state/applied-$layer.json
  undo=$state/undo-$layer
  did=0 has_lock=no
  work=$(mktemp -d)
  trap ended EXIT
  trap 'exit 1' HUP INT PIPE TERM

  # What a dry run leaves out becomes an argument of the command that does nothing.
  if [ "$dry_run" = yes ]; then skip=:; else skip=; fi
  $skip take_lock
  plan_packages
  $skip install_packages
  plan_files
  $skip save_files
  $skip switch_files
  $skip validate
  run_commands
  settle_services
  $skip prove_ssh
  $skip await_confirmation
  $skip commit
  if [ "$did" -eq 0 ]; then say "nothing to change"; exit 0; fi
  [ "$dry_run" = no ] || exit 3
  say "the $layer layer is applied"
}

# A chroot sees the overlay only when it lies in it.
apply_inside() {
  inside=$(mktemp -d "$root/var/tmp/imagectl-apply.XXXXXX")
  for part in "$data" "${data%/*}/root"; do
    [ ! -d "$part" ] || cp -R "$part" "$inside/"
  done
  status=0
  set --
  [ "$dry_run" = no ] || set -- --dry-run
  chroot "$root" /bin/sh "${inside#"$root"}/${data##*/}/apply" "$@" || status=$?
  rm -rf "$inside"
  exit "$status"
}

is_running() { [ "$IMAGECTL_RUNNING" = yes ]; }

take_lock() {
  mkdir -p "$state"
  exec 9>"$state/lock"
  # A moment, for the watch of the last apply to see that all is well.
  flock -w 2 9 || fail "another apply is running here"
  has_lock=yes
  [ -d "$undo" ] || { forget_the_rest; return 0; }
  say "the last apply did not end: its changes are undone first"
  roll_back
}

# Everything that ends, ends here: a failure after the first switched file puts the old ones back.
ended() {
  status=$?
  trap - EXIT
  # Putting back must not end half way, nor for want of somebody to tell it to.
  trap '' HUP INT PIPE TERM
  set +e
  if [ "$has_lock" = yes ] && [ "$status" -ne 0 ] && [ -d "$undo" ]; then
    say "the old files are put back"
    roll_back
  fi
  [ "$has_lock" = no ] || { release_services; rm -f "$waiting"; }
  rm -rf "$work"
  exit "$status"
}

plan_packages() {
  # shellcheck disable=SC2016 # the braces are dpkg's
  xargs -r dpkg-query -W -f '${db:Status-Status} ${Package}\n' <"$data/packages" >"$work/dpkg" 2>/dev/null || :
  awk 'FILENAME ~ /dpkg$/ { if ($1 == "installed") have[$2]; next } !($1 in have)' "$work/dpkg" "$data/packages" >"$work/packages"
  while read -r package; do doing "package $package" || :; done <"$work/packages"
}

install_packages() {
  [ -s "$work/packages" ] || return 0
  hold_services
  if ! apt_install; then # mostly since the package index is missing or old
    logged apt-get -q update || fail_with_output "apt-get update"
    apt_install || fail_with_output "apt-get install"
  fi
  release_services
}

apt_install() {
  logged xargs -a "$work/packages" apt-get -q -y --no-install-recommends -o Dpkg::Use-Pty=0 \
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold install --
}

# A service must not start in a chroot; see /usr/share/doc/init-system-helpers/README.policy-rc.d.gz.
hold_services() {
  if is_running || [ -e "$policy" ]; then return 0; fi
  printf '#!/bin/sh\n# imagectl apply\nexit 101\n' >"$policy"
  chmod 0755 "$policy"
}

release_services() {
  if grep -qsx '# imagectl apply' "$policy"; then rm -f "$policy"; fi
}

# What the last apply wrote: PATH SHA256.
owned_by() {
  sed -n 's/^{"path":"\([^"]*\)","sha256":"\([0-9a-f]*\)".*/\1 \2/p' "$@" 2>/dev/null || :
}

# Fills $work/changes: A|M|D PATH SHA256, the digest of what is there now and must be kept aside, or -.
plan_files() {
  owned_by "$applied" >"$work/owned"
  for other in "$state"/applied-*.json; do
    [ "$other" = "$applied" ] || owned_by "$other"
  done >"$work/foreign"
  cut -d' ' -f1 "$data/files" "$work/owned" | sort -u >"$work/paths"
  xargs -r stat -c '%n %a %U:%G %F' <"$work/paths" >"$work/stat" 2>/dev/null || :
  xargs -r sha256sum <"$work/paths" >"$work/sums" 2>/dev/null || :
  # A file that was not ours is a package's in an image; on a running system an administrator may have changed it.
  awk -v keep_others="$IMAGECTL_RUNNING" '
    FILENAME ~ /stat$/    { mode[$1] = $2; owner[$1] = $3; kind[$1] = $4; next }
    FILENAME ~ /sums$/    { sum[$2] = $1; next }
    FILENAME ~ /owned$/   { ours[$1] = $2; next }
    FILENAME ~ /foreign$/ { foreign[$1]; next }
    {
      wanted[$1]
      wanted_mode = $3
      sub(/^0+/, "", wanted_mode)
      if (!($1 in kind)) print "A", $1, "-"
      else if (kind[$1] == "directory") print "directory", $1, "-"
      else if (kind[$1] != "regular" || sum[$1] != $2) print "M", $1, aside($1)
      else if (mode[$1] != wanted_mode || owner[$1] != $4) print "M", $1, "-"
    }
    END {
      for (path in ours)
        if (!(path in wanted) && !(path in foreign) && path in kind) print "D", path, aside(path)
    }
    function aside(path) {
      if (kind[path] != "regular") return "-"
      if (path in ours) return sum[path] == ours[path] ? "-" : sum[path]
      return keep_others == "yes" ? sum[path] : "-"
    }
  ' "$work/stat" "$work/sums" "$work/owned" "$work/foreign" "$data/files" | sort -k2 >"$work/changes"
  if grep -m1 '^directory' "$work/changes" >"$work/output"; then
    fail "$(cut -d' ' -f2 "$work/output") is a folder and must become a file"
  fi
  cut -d' ' -f2 "$work/changes" >"$work/changed"
  while read -r change path sum; do
    [ "$sum" = - ] || say "K $path was changed here; its text is kept as $(aside_name "$path" "$sum")"
    if ! doing "$change $path" && [ "$change" = M ]; then show_difference "$path"; fi
  done <"$work/changes"
}

aside_name() { printf '%s.imagectl-kept-%.8s' "$1" "$2"; }

# What not everyone may read, or may not read any more, is not shown.
show_difference() {
  if stat -L -c %A "$1" "$data/../root$1" | grep -qv '^.\{7\}r'; then return 0; fi
  diff -u "$1" "$data/../root$1" | sed -e 1,2d -e 's/^/    /' || :
}

# Copies all old files, and only then lists them: what is listed can be put back.
save_files() {
  [ -s "$work/changes" ] || return 0
  open_undo
  cut -d' ' -f1 "$work/stat" | grep -xFf "$work/changed" >"$work/old" || :
  if [ -e "$applied" ]; then echo "$applied" >>"$work/old"; fi
  xargs -r cp -a --parents -t "$undo/root" <"$work/old"
  echo "$applied" | cat - "$work/changed" >"$undo/paths.new"
  while read -r change path sum; do
    aside=$(aside_name "$path" "$sum")
    [ "$sum" = - ] || [ -e "$aside" ] || echo "$aside" >>"$undo/paths.new"
  done <"$work/changes"
  to_disk
  mv "$undo/paths.new" "$undo/paths"
}

open_undo() {
  [ ! -d "$undo" ] || return 0
  mkdir -p "$undo/root" "$undo/ran"
  cp "$data/undo" "$undo/undo"
  if [ "$confirm" -eq 0 ] || ! is_running; then return 0; fi
  # shellcheck disable=SC2046 # one word a unit
  guard_old_files $(cut -d' ' -f1 "$data/services") || fail_with_output "systemd-run"
}

# A power cut must not leave new files and lose the old ones. What is being built is on no machine yet.
to_disk() { if is_running; then sync -f "$state"; fi; }

switch_files() {
  while read -r change path sum; do
    [ "$sum" = - ] || cp -p "$path" "$(aside_name "$path" "$sum")"
    if [ "$change" = D ]; then rm -f "$path"; fi
  done <"$work/changes"
  awk 'FILENAME ~ /changes$/ { if ($1 != "D") due[$2]; next } $1 in due' "$work/changes" "$data/files" >"$work/switched"
  while read -r path _ mode owner _; do
    install -D -m "$mode" -o "${owner%:*}" -g "${owner#*:}" "$data/../root$path" "$path.imagectl-new"
    mv -fT "$path.imagectl-new" "$path"
  done <"$work/switched"
}

fail_with_output() {
  code=$?
  tail -n 20 "$work/output" | sed 's/^/    /'
  fail "$1 (exit code $code)"
}

# Whether one of these paths changed in this run.
touched() { printf '%s\n' "$@" | grep -qxFf - "$work/changed"; }

validate() {
  for folder in "$data"/validators/*/; do
    # shellcheck disable=SC2046 # one word a path
    if [ -e "${folder}run" ] && touched $(cat "${folder}paths"); then
      logged sh "${folder}run" || fail_with_output "the validator \"$(cat "${folder}name")\" refuses the new files"
    fi
  done
}

run_commands() {
  for folder in "$data"/commands/*/; do
    [ -e "${folder}run" ] || continue
    if is_due "$folder" && doing "command $(cat "${folder}name")"; then
      [ ! -d "$undo" ] || cp "${folder}run" "$undo/ran/$(basename "$folder")"
      logged sh "${folder}run" || fail_with_output "the command \"$(cat "${folder}name")\""
      sed 's/^/    /' "$work/output"
    fi
  done
}

is_due() {
  # shellcheck disable=SC2046 # one word a path
  if [ -e "${1}on-change" ]; then touched $(cat "${1}on-change"); else ! logged sh "${1}unless" || return 1; fi
}

settle_services() {
  if [ "$dry_run" = no ] && is_running && grep -q /systemd/ "$work/changed"; then
    logged systemctl daemon-reload || fail_with_output "systemctl daemon-reload"
  fi
  while read -r unit wanted action paths; do
    settle_enablement "$unit" "$wanted" "$(systemctl is-enabled "$unit" 2>/dev/null || :)"
    is_running || continue
    # shellcheck disable=SC2086 # one word a path
    touched $paths || action=
    settle_activity "$unit" "$wanted" "$action"
  done <"$data/services"
}

settle_enablement() {
  case $2:$3 in
    enabled:enabled* | enabled:static | enabled:indirect | enabled:alias | enabled:generated | masked:masked) ;;
    disabled:enabled) service "$1" disable ;;
    disabled:*) ;;
    enabled:masked) service "$1" unmask; service "$1" enable ;;
    enabled:*) service "$1" enable ;;
    # Its own links would make others require what cannot start: Ubuntu's sshd requires its socket where that is enabled.
    masked:enabled*) service "$1" disable; service "$1" mask ;;
    masked:*) service "$1" mask ;;
  esac
}

settle_activity() {
  # A one-shot unit that does not stay active has done its work at boot.
  now=$(systemctl show -p ActiveState -p Type -p RemainAfterExit "$1" | sort | sed 's/.*=//' | tr '\n' ' ')
  case $2:$now in
    enabled:'inactive no oneshot '*) ;;
    enabled:inactive* | enabled:failed*) service "$1" start ;;
    enabled:*) [ -z "$3" ] || service "$1" "$3" ;;
    *:active* | *:activating*) service "$1" stop ;;
  esac
}

service() {
  doing "service $1 $2" || return 0
  ! is_running || remember_unit "$1"
  logged systemctl "$2" "$1" || fail_with_output "systemctl $2 $1"
}

# Only how it was before the first change counts.
remember_unit() {
  open_undo
  if grep -qs "^$1 " "$undo/units"; then return 0; fi
  echo "$1 $(systemctl is-enabled "$1" 2>/dev/null || :) $(systemctl is-active "$1" || :)" >>"$undo/units"
}

wait_for() { # TRIES, two a second, and the name of what must come true
  for _ in $(seq "$1"); do
    if "$2"; then return 0; fi
    sleep 0.5
  done
  return 1
}

# The node must stay reachable: without ssh nobody could apply anything else.
prove_ssh() {
  if ! is_running || [ ! -d "$undo" ] || ! systemctl -q is-enabled ssh.service 2>/dev/null; then return 0; fi
  wait_for 20 listens_on_ssh || fail "10 s later, nothing listens on ssh's port; see: journalctl -u ssh.service"
  logged sshd -t || fail_with_output "sshd refuses its configuration"
}

# State 0A is LISTEN. Source: the kernel's Documentation/networking/proc_net_tcp.rst.
listens_on_ssh() {
  port=$(sshd -T 2>/dev/null | awk '$1 == "port" { printf "%04X", $2; exit }')
  awk -v port=":${port:-0016}\$" '$4 == "0A" && $2 ~ port { found = 1 } END { exit !found }' /proc/net/tcp /proc/net/tcp6
}

is_confirmed() { [ -e "$confirmed" ]; }
await_confirmation() {
  if [ "$confirm" -eq 0 ] || ! is_running || [ ! -d "$undo" ]; then return 0; fi
  rm -f "$confirmed"
  echo "$(cut -d' ' -f1 /proc/uptime) $confirm" >"$waiting"
  say "confirm this within $confirm s, or it is undone"
  wait_for "$((confirm * 2))" is_confirmed || fail "nobody could log in again after the change"
  rm -f "$confirmed"
}

commit() {
  {
    printf '{"layer":"%s","files":[' "$layer"
    awk '{ printf "%s\n{\"path\":\"%s\",\"sha256\":\"%s\",\"role\":\"%s\"}", (NR > 1 ? "," : ""), $1, $2, $5 }' "$data/files"
    printf '\n]}\n'
  } >"$work/applied"
  if ! cmp -s "$work/applied" "$applied"; then
    install -m 0600 "$work/applied" "$applied.imagectl-new"
    mv -fT "$applied.imagectl-new" "$applied"
  fi
  [ -d "$undo" ] || return 0
  to_disk
  forget_old_files
}

main "$@"
