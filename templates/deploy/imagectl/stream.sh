# shellcheck shell=dash
# The root filesystem: streamed from the bastion to the disk, resumed where it broke, and verified.

# Seconds between two reports of bytes and rate to the bastion, and how many of them make one line on the console.
progress_seconds=2
progress_per_line=5
# A connection that is slower than this for stall_seconds is given up and resumed, bytes per second.
stall_bytes_per_second=1000
stall_seconds=20

step_stream_root() {
  if ! stream_root; then
    # Nothing of a root that is not the image's may ever be mounted, let alone started.
    umount "$target"
    wipefs --all --force --quiet "$(cat "$run/root-device")"
    return 1
  fi
  report_stream "$bytes" 0
  esp_mounts | while read -r esp_device esp_mount; do
    mkdir -p "$target$esp_mount"
    mount -t vfat -o umask=0077 "$esp_device" "$target$esp_mount"
  done
  write_fstab
}

# The bytes go to the disk and through SHA-256 side by side; only when both ends are satisfied it is a root.
stream_root() {
  rm -f "$run/verify" "$run"/stage.*
  mkfifo "$run/verify"
  sha256sum <"$run/verify" >"$run/stream.sha256" &
  sum_pid=$!
  watch_stream &
  watch_pid=$!
  stage download download_root |
    stage copy tee "$run/verify" |
    stage unpack zstd --decompress --quiet --stdout |
    stage write tar --extract --directory "$target" --numeric-owner --xattrs --xattrs-include='*' \
      --warning=no-timestamp --blocking-factor=128 --read-full-records
  kill "$watch_pid"
  wait "$sum_pid"
  stream_is_whole
}

# stage NAME COMMAND...: runs one part of the pipe, and leaves its process and its exit code in files.
stage() {
  stage_name=$1
  shift
  # The shell gives /dev/null as input to what runs beside it, so the pipe needs another number.
  exec 3<&0
  "$@" <&3 3<&- &
  echo $! >"$run/stage.$stage_name.pid"
  stage_code=0
  wait $! || stage_code=$?
  echo "$stage_code" >"$run/stage.$stage_name"
}

stream_is_whole() {
  read -r sum _ <"$run/stream.sha256"
  codes=
  for name in download copy unpack write; do
    read -r code <"$run/stage.$name"
    codes="$codes $name $code,"
  done
  if [ "$codes" = ' download 0, copy 0, unpack 0, write 0,' ] && [ "$sum" = "$sha256" ]; then return 0; fi
  # The conclusion is the last line: it is what a short report shows.
  echo "exit codes:${codes%,}"
  case $codes/$sum in
    ' download 0,'*/"$sha256") echo "the root came whole but could not be unpacked" ;;
    ' download 0,'*) echo "the root that came is not the image's: its SHA-256 is $sum, expected $sha256" ;;
    # curl's 23: the next stage of the pipe was gone.
    ' download 23,'*) echo "the root could not be unpacked: it came damaged" ;;
    *) echo "the root did not come whole" ;;
  esac
  return 1
}

# Writes exactly $bytes bytes of the artefact to standard output, over as many connections as it takes.
download_root() {
  delivered=0
  pause=1
  progress_at=$(uptime_seconds)
  while [ "$delivered" -lt "$bytes" ]; do
    code=0
    curl --silent --show-error --fail --connect-timeout 5 --continue-at "$delivered" \
      --speed-limit "$stall_bytes_per_second" --speed-time "$stall_seconds" \
      --write-out '%{stderr}\n%{http_code} %{size_download}\n' "$artefacts/$sha256" 2>"$run/download.error" || code=$?
    answer=$(tail -n 1 "$run/download.error")
    case $answer in
      20[06]\ *) got=${answer#* } ;;
      *) got=0 ;;
    esac
    delivered=$((delivered + got))
    if [ "$delivered" -ge "$bytes" ]; then break; fi
    if [ "$got" -gt 0 ]; then
      pause=1
      progress_at=$(uptime_seconds)
    fi
    why=$(grep '^curl:' "$run/download.error" | head -n 1)
    case $code/$answer in
      # The next stage of the pipe is gone: it has said why.
      23/*) return 23 ;;
      22/5??\ * | 22/429\ *) ;;
      # Somebody removed the image; a build brings the same bytes back.
      22/404\ *) why="the bastion has lost this image, build it again there (imagectl build): $why" ;;
      22/* | 33/*)
        echo "download: $why" >&2
        return 1
        ;;
    esac
    if [ $(($(uptime_seconds) - progress_at)) -ge "$patience_seconds" ]; then
      echo "download: nothing came for $patience_seconds s: $why" >&2
      return 1
    fi
    say "stream: broken at byte $delivered of $bytes (${why:-no error}), resumed in $pause s"
    echo "stream: broken at byte $delivered (${why:-no error})" >&2
    sleep "$pause"
    pause=$((pause * 2))
    [ "$pause" -le "$longest_pause_seconds" ] || pause=$longest_pause_seconds
  done
  if [ "$delivered" -ne "$bytes" ]; then
    echo "download: $delivered bytes came, expected $bytes" >&2
    return 1
  fi
}

# Reports how far the stream is: what the copying stage has read, as the kernel counts it.
watch_stream() {
  before=0
  lines=0
  # Without the pipe of our output: nobody should wait for a pause that nobody needs any more.
  while sleep "$progress_seconds" >/dev/null 2>&1; do
    now=$(awk '/^rchar:/ { print $2 }' "/proc/$(cat "$run/stage.copy.pid")/io" 2>/dev/null) || continue
    # The loader's few kilobytes are in the count, too.
    [ "${now:-0}" -le "$bytes" ] || now=$bytes
    report_stream "${now:-0}" $(((${now:-0} - before) / progress_seconds))
    before=${now:-0}
    lines=$((lines + 1))
    [ $((lines % progress_per_line)) -ne 0 ] || say "stream: $(show_bytes "$before") of $(show_bytes "$bytes")"
  done
}

report_stream() {
  queue_event "$(printf '{"kind":"step-progress","index":%s,"bytes":%s,"totalBytes":%s,"bytesPerSecond":%s}' \
    "$step_index" "$1" "$bytes" "$2")"
}
