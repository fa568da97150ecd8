# shellcheck shell=dash
# What every part of the agent needs: where its state lies, how it speaks to the person at the console.

# State of this boot. In RAM; the session key in it is readable by root alone.
run=${IMAGECTL_RUN:-/run/imagectl}
# Where the new root is mounted.
target=${IMAGECTL_TARGET:-/target}

# Seconds between two repetitions of a report that nobody may have seen.
repeat_seconds=30

# The consoles that the kernel was given; the last one is /dev/console.
consoles=console
if [ -r /sys/class/tty/console/active ]; then read -r consoles </sys/class/tty/console/active; fi

# say TEXT: one line on every console, since nobody knows which one is being watched.
say() {
  for console in $consoles; do
    { printf 'imagectl: %s\n' "$1" >"/dev/$console"; } 2>/dev/null || true
  done
}

# wait_forever WHY: says it every 30 seconds.
wait_forever() {
  while :; do
    printf '%s\n' "$1" | while IFS= read -r text; do say "$text"; done
    say "Nothing more is written to any disk. Waiting; switch the node off and on for another try."
    sleep "$repeat_seconds"
  done
}

# Time since the kernel started, in hundredths of a second: a clock that set-clock does not move.
uptime_centiseconds() {
  read -r up _ </proc/uptime
  up=${up%.*}${up#*.}
  echo "${up#0}"
}

uptime_seconds() {
  read -r up _ </proc/uptime
  echo "${up%.*}"
}

# seconds_since CENTISECONDS: with two decimals.
seconds_since() {
  spent=$(($(uptime_centiseconds) - $1))
  printf '%d.%02d\n' $((spent / 100)) $((spent % 100))
}

# show_bytes N: as people read it.
show_bytes() {
  awk -v n="$1" 'BEGIN {
    split("B KiB MiB GiB TiB", unit, " ")
    u = 1
    while (n >= 1024 && u < 5) { n /= 1024; u++ }
    printf (u == 1 ? "%d %s\n" : "%.1f %s\n"), n, unit[u]
  }'
}

# json_text <TEXT: its printable characters as one JSON string.
json_text() {
  printf '"'
  tr '\r' '\n' | LC_ALL=C tr -cd '\11\12\40-\176' |
    sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/\t/\\t/g' | awk 'NR > 1 { printf "\\n" } { printf "%s", $0 }'
  printf '"'
}
