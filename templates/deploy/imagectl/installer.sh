# shellcheck shell=dash
# Inside the system's own installer: what it calls at its turns, each once, as dash installer.sh TURN. The session, the
# steps and the reports are those of a deploy; what the installer does itself is told as steps, too.
#   preseed        Debian's: prints the answers to its questions
#   disks          Debian's, before it looks at disks: what the machine is; the disk that the bastion names is wiped
#   base-system    Debian's: it has made and mounted the partitions
#   packages       Debian's: the base system is there
#   answers        Ubuntu's, before it looks at anything: preseed and disks in one; the answers are for this machine
#   finish         all is installed: the plan's layers, keys, boot order
#   failed         Ubuntu's: it gave up; its log is in $run/installer.log
# It runs in a folder of its own, with /dev, /proc, /run and /sys of the installer's, and its /target from `finish` on.
set -u

here=${0%/*}
# shellcheck source=templates/deploy/imagectl/base.sh
. "$here/base.sh"
# shellcheck source=templates/deploy/imagectl/http.sh
. "$here/http.sh"
# shellcheck source=templates/deploy/imagectl/report.sh
. "$here/report.sh"
# shellcheck source=templates/deploy/imagectl/session.sh
. "$here/session.sh"
# shellcheck source=templates/deploy/imagectl/steps.sh
. "$here/steps.sh"

main() {
  mkdir -p "$run"
  read_command_line
  case $1 in
    preseed)
      open_session
      session_request preseed GET "$seed/preseed.cfg" || wait_forever "the bastion gave no answers to the installer's questions (status $http_status)"
      cat "$run/preseed.answer"
      ;;
    disks)
      fetch_steps
      go_on
      ;;
    base-system | packages) go_on ;;
    answers)
      open_session
      fetch_steps
      go_on
      session_request autoinstall GET "$seed/autoinstall.yaml" || wait_forever "the bastion gave no answers to the installer's questions (status $http_status)"
      ;;
    failed) report_failure ;;
    finish)
      go_on to-the-end
      forget_session
      # What is mounted here would keep the installer from letting go of its own.
      umount --recursive "$target"
      sync
      report_last deployed '{"kind":"deployed"}'
      say "installed after $(seconds_since 0) s; restarting into the installed system"
      ;;
  esac
}

# go_on [to-the-end]: what the installer did until now is told as done. Ours are run up to the next one of its own, which
# begins; at the end a turn at which it did not call is no reason to leave anything undone.
go_on() {
  total=$(grep -c . "$run/steps")
  index=0
  start_reporter
  trap 'stop_when_gone' USR1
  [ ! -s "$run/installer-step" ] || end_installer_step
  done_before=$index
  index=0
  watch_steps &
  while read -r line <&4; do
    index=$((index + 1))
    [ "$index" -gt "$done_before" ] || continue
    case $line in
      installer-*)
        begin_installer_step "${line%% *}"
        [ "${1-}" = to-the-end ] || break
        end_installer_step
        continue
        ;;
    esac
    eval "run_step $line"
  done 4<"$run/steps"
  echo >"$run/current-step"
  finish_reports
  stop_when_gone
}

# Before the first step of its own it had nothing of ours to fail with.
report_failure() {
  [ -s "$run/installer-step" ] || return 0
  read -r index step_since <"$run/installer-step"
  report_last failure "$(printf '{"kind":"step-failed","index":%s,"exitCode":1,"logTail":%s}' "$index" \
    "$(json_text <"$run/installer.log")")"
}

begin_installer_step() {
  queue_event "{\"kind\":\"step-started\",\"index\":$index,\"total\":$total,\"step\":\"$1\"}"
  echo "$index $(uptime_centiseconds)" >"$run/installer-step"
}

end_installer_step() {
  read -r index step_since <"$run/installer-step"
  queue_event "{\"kind\":\"step-finished\",\"index\":$index,\"seconds\":$(seconds_since "$step_since")}"
}

# The installer keeps its logs on the new system, and its kernel's command line with the token is in them.
forget_session() {
  token=${seed##*/}
  grep -rlF "$token" "$target/var/log/installer" 2>/dev/null | while read -r file; do
    sed -i "s/$token/TOKEN/g" "$file"
  done
}

main "$1"
