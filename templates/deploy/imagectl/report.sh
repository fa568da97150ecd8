# shellcheck shell=dash
# Reports what happens, in order and beside the work: a step never waits for the network to be reported.

# start_reporter: what is queued from now on is sent by a process of its own.
start_reporter() {
  mkfifo "$run/events"
  # Opened for reading and writing, so that nobody who queues waits for a reader.
  exec 7<>"$run/events"
  agent_pid=$$
  send_events <&7 &
  reporter_pid=$!
}

# queue_event JSON: one line, shorter than PIPE_BUF (4096 bytes), so that lines of two writers never mix.
queue_event() {
  printf '%s\n' "$1" >"$run/events"
}

# finish_reports: returns when everything that was queued is sent; 10 when the attempt is over.
finish_reports() {
  queue_event end
  wait "$reporter_pid"
}

send_events() {
  patience=$patience_seconds
  while read -r event; do
    [ "$event" != end ] || return 0
    # Old progress is worth nothing: it is tried once.
    case $event in
      *step-progress*) patience_seconds=0 ;;
      *) patience_seconds=$patience ;;
    esac
    if session_request event POST "$seed/events" --header 'Content-Type: application/json' --data-raw "$event"; then
      continue
    fi
    if [ "$http_status" = 410 ]; then
      cp "$run/event.answer" "$run/gone"
      kill -USR1 "$agent_pid"
      return 10
    fi
  done
}
