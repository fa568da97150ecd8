# shellcheck shell=dash
# The deploy environment's agent. It reports what the machine is, executes the steps that the bastion sends, one
# after the other, and reports each. It decides nothing. Reads from the kernel command line:
#   imagectl.seed=URL         the seed session with the token of this boot
#   imagectl.artefacts=URL    where images lie, by SHA-256
#   imagectl.address=A.B.C.D/PREFIX  imagectl.mac=MAC   the interface to bring up, and its address
# It never ends in failure: whatever goes wrong is said on the console and to the bastion, again and again.
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
# shellcheck source=templates/deploy/imagectl/network.sh
. "$here/network.sh"
# shellcheck source=templates/deploy/imagectl/steps.sh
. "$here/steps.sh"

main() {
  mkdir -p "$run"
  read_command_line
  say "deploy environment, $(seconds_since 0) s after the kernel started"
  bring_up_network "$mac" "$address"
  open_session
  fetch_steps
  start_reporter
  trap 'stop_when_gone' USR1
  run_steps
  finish_reports
  stop_when_gone
  [ ! -f "$run/rescue" ] || stay_for_rescue
  leave
}

# Into the installed system: through the firmware, or straight into its kernel where step load-system has loaded it.
leave() {
  if [ -f "$run/system-loaded" ]; then
    report_last deployed '{"kind":"deployed","restart":"kexec"}'
    say "deployed after $(seconds_since 0) s; kexec into the installed system"
    sync
    kexec -e || say "kexec failed; restarting through the firmware"
  else
    report_last deployed '{"kind":"deployed"}'
    say "deployed after $(seconds_since 0) s; restarting into the installed system"
  fi
  sync
  busybox reboot -f
}

# Until somebody restarts it. The bastion is asked whether the rescue is still wanted: at the end of its time, or
# after a disarm, only the person on it can know when it may go.
stay_for_rescue() {
  report_last rescue-ready '{"kind":"rescue-ready"}'
  say "RESCUE: no disk was written. Log in from the bastion; when you are done: imagectl disarm, then reboot"
  while :; do
    sleep "$repeat_seconds"
    session_request clock GET "$seed/clock"
    [ $? -ne 10 ] || say "The rescue is over ($(cat "$run/clock.answer")). Restart this machine: it starts from its own disk"
  done
}

main
