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

read_command_line() {
  seed='' artefacts='' address='' mac=''
  set -f
  # shellcheck disable=SC2013 # words are wanted: the kernel command line has no lines
  for token in $(cat /proc/cmdline); do
    case $token in
      imagectl.seed=*) seed=${token#*=} ;;
      imagectl.artefacts=*) artefacts=${token#*=} ;;
      imagectl.address=*) address=${token#*=} ;;
      imagectl.mac=*) mac=$(printf '%s' "${token#*=}" | tr 'A-F-' 'a-f:') ;;
    esac
  done
  set +f
  for name in seed artefacts address mac; do
    eval "value=\$$name"
    # shellcheck disable=SC2154 # set by the eval
    [ -n "$value" ] || wait_forever "the kernel command line has no imagectl.$name=: this kernel is booted by imagectl's boot script only"
  done
  export seed artefacts
}

# A random key makes this boot the only one that can use the token, from its redemption on.
open_session() {
  session_key=$(head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n')
  write_curl_config "$session_key"
  session_request redeem POST "$seed/redeem"
  case $? in
    0) say "seed session opened" ;;
    10) wait_forever "the seed token is no longer valid: $(cat "$run/redeem.answer"). Switch the node off and on for a new one" ;;
    *) wait_forever "the seed session could not be opened (status $http_status)" ;;
  esac
}

fetch_steps() {
  # A disk that is still being found could make one candidate out of two.
  until udevadm settle --timeout="$repeat_seconds"; do
    say "devices are still being found, for $(seconds_since 0) s since the kernel started"
  done
  awk -v sys=/sys -v proc=/proc -f "$here/inventory.awk" >"$run/inventory.json"
  session_request inventory POST "$seed/inventory" --header 'Content-Type: application/json' \
    --data-binary "@$run/inventory.json"
  case $? in
    0) ;;
    9) wait_forever "the bastion refuses to deploy this machine: $(cat "$run/inventory.answer")" ;;
    10) wait_forever "the attempt is over: $(cat "$run/inventory.answer")" ;;
    *) wait_forever "the bastion did not take the inventory (status $http_status)" ;;
  esac
  mv "$run/inventory.answer" "$run/steps"
  grep -q . "$run/steps" || wait_forever "the bastion sent no steps"
}

# report_last NAME JSON: the last word. Only when the bastion has heard it, the machine may go on.
report_last() {
  while :; do
    session_request "$1" POST "$seed/events" --header 'Content-Type: application/json' --data-binary "$2"
    case $? in
      0) return 0 ;;
      10) wait_forever "the bastion ended this attempt before it heard that all is done: $(cat "$run/$1.answer")" ;;
    esac
    say "the bastion did not take the report that all is done (status $http_status), again in $repeat_seconds s"
    sleep "$repeat_seconds"
  done
}

main
