# shellcheck shell=dash
# The seed session of one boot: opened with a key that this boot makes, asked for steps, and told of the end.

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
