# shellcheck shell=dash
# Executes the steps that the bastion sent, one after the other; stops at the first that fails, and when the attempt
# is over.

# run_steps: those in $run/steps.
run_steps() {
  total=$(grep -c . "$run/steps")
  index=0
  watch_steps &
  while read -r line <&4; do
    index=$((index + 1))
    eval "run_step $line"
  done 4<"$run/steps"
  echo >"$run/current-step"
}

# run_step KIND KEY=VALUE...: in a process group of its own, so that it can be stopped whole.
run_step() {
  queue_event "{\"kind\":\"step-started\",\"index\":$index,\"total\":$total,\"step\":\"$1\"}"
  say "step $index/$total $1"
  step_since=$(uptime_centiseconds)
  echo "$step_since step $index/$total $1" >"$run/current-step"
  step_index=$index busybox setsid dash "$here/step.sh" "$@" </dev/null >"$run/step.log" 2>&1 4<&- 7<&- &
  wait "$!"
  step_code=$?
  stop_when_gone
  if [ "$step_code" -ne 0 ]; then fail_step "$1" "$step_code"; fi
  queue_event "{\"kind\":\"step-finished\",\"index\":$index,\"seconds\":$(seconds_since "$step_since")}"
}

# A step that takes long says so: nobody should wonder whether the machine hangs.
watch_steps() {
  while sleep "$repeat_seconds"; do
    read -r since name <"$run/current-step"
    [ -n "$since" ] || return 0
    seconds=$(seconds_since "$since")
    [ "${seconds%.*}" -lt "$repeat_seconds" ] ||
      say "$name: running for $seconds s. $(tail -n 1 "$run/step.log" | cut -c 1-200)"
  done
}

# The half-written disk is left as it is and does not boot; a restart is for a person, or a new attempt, to decide.
fail_step() {
  echo >"$run/current-step"
  printf '{"kind":"step-failed","index":%s,"exitCode":%s,"logTail":%s}' "$index" "$2" \
    "$(tail -n 40 "$run/step.log" | tail -c 6000 | json_text)" >"$run/failure.json"
  say_failure "$1" "$2"
  finish_reports
  stop_when_gone
  while :; do
    session_request failure POST "$seed/events" --header 'Content-Type: application/json' \
      --data-binary "@$run/failure.json"
    [ $? -ne 10 ] || wait_forever "the bastion ended this attempt: $(cat "$run/failure.answer")"
    sleep "$repeat_seconds"
    say_failure "$1" "$2"
  done
}

say_failure() {
  say "=================================================================="
  tail -n 12 "$run/step.log" | while read -r text; do say "  $text"; done
  say "step $index/$total $1 FAILED with exit code $2. This disk is not finished: do not start from it."
  say "The report is repeated every $repeat_seconds s. Switch the node off and on for another try."
}

# 410 from the bastion: the attempt is over, so nothing more may be written here. Also run by a signal at any moment:
# $! is the step even when run_step has not come to its next line, and a step just begun has no group of its own yet.
# In dash it is `kill -s KILL -- -GROUP`: of `kill -KILL -- -GROUP` it makes an error, and kills nothing.
stop_when_gone() {
  [ -f "$run/gone" ] || return 0
  kill -s KILL "$!" 2>/dev/null
  kill -s KILL -- "-$!" 2>/dev/null
  wait "$!"
  echo >"$run/current-step"
  rest_target
  wait_forever "the bastion ended this attempt: $(cat "$run/gone")"
}

# Mounted, the disk would be written to for minutes: by what the kernel's cache holds, and by ext4, which makes the
# tables of a new file system in the background. What was killed may take a moment to let go of it.
rest_target() {
  for second in 1 2 3 4 5 6 7 8 9 10; do
    grep -q " $target[ /]" /proc/mounts || return 0
    umount --recursive "$target" 2>"$run/umount.error" || sleep 1
  done
  say "$target stays mounted after $second s: $(cat "$run/umount.error"). Switch this machine off"
}
