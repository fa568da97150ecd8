# shellcheck shell=dash
# Talks to the bastion: every request is repeated until it is answered or patience ends.

# Seconds without any answer after which a request is given up: a server's restart and a switch's reboot fit in.
patience_seconds=900
# Longest pause between two tries, seconds.
longest_pause_seconds=10
# Seconds in which one request inside the seed session must be done.
request_seconds=60

# Status of the last answer; 000 when there was none.
http_status=000

# write_curl_config KEY: the session key goes to curl by file, so that no process list shows it.
write_curl_config() {
  umask 077
  {
    echo "header = \"Authorization: Bearer $1\""
    echo 'connect-timeout = 5'
    echo 'silent'
    echo 'show-error'
    # An installer calls with its proxy in the environment: that is for packages.
    echo 'noproxy = "*"'
  } >"$run/curl.conf"
  umask 022
}

# session_request NAME METHOD URL [CURL OPTION...]: one request of the seed session.
# The answer's body lies in $run/NAME.answer afterwards. Returns 0 for 2xx, 9 for 409 (refused), 10 for 410 (gone),
# 1 for another refusal or when patience ended.
session_request() {
  request_name=$1 request_method=$2 request_url=$3
  shift 3
  request_since=$(uptime_seconds)
  request_pause=1
  while :; do
    http_status=$(curl --config "$run/curl.conf" --max-time "$request_seconds" --request "$request_method" \
      --output "$run/$request_name.answer" --write-out '%{http_code}' "$@" "$request_url" \
      2>"$run/$request_name.error") || http_status=000
    case $http_status in
      2??) return 0 ;;
      409) return 9 ;;
      410) return 10 ;;
      000 | 429 | 5??) ;;
      *)
        say "$request_method ${request_url##*/}: the server answered $http_status: $(head -c 300 "$run/$request_name.answer" 2>/dev/null)"
        return 1
        ;;
    esac
    request_waited=$(($(uptime_seconds) - request_since))
    if [ "$request_waited" -ge "$patience_seconds" ]; then
      # Without any patience the caller does not care.
      [ "$patience_seconds" -eq 0 ] ||
        say "$request_method ${request_url##*/}: no answer for $request_waited s, given up"
      return 1
    fi
    say "$request_method ${request_url##*/}: $(why_unanswered), again in $request_pause s (for $request_waited s now)"
    sleep "$request_pause"
    request_pause=$((request_pause * 2))
    [ "$request_pause" -le "$longest_pause_seconds" ] || request_pause=$longest_pause_seconds
  done
}

why_unanswered() {
  if [ "$http_status" = 000 ]; then
    tail -n 1 "$run/$request_name.error"
  else
    echo "the server answered $http_status"
  fi
}
