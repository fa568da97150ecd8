# shellcheck shell=dash
# The new root made this node's own: file systems table, node overlay, host keys.

# File systems by UUID: disk names change from boot to boot. Of a mirror either disk may be missing, so a system with
# two ESPs starts without one of them.
write_fstab() {
  esp_options=umask=0077
  [ "$(grep -c . "$run/esp-devices")" -eq 1 ] || esp_options=umask=0077,nofail,x-systemd.device-timeout=30s
  {
    echo "# Written by imagectl when this node was deployed."
    echo "UUID=$(uuid_of "$(cat "$run/root-device")") / ext4 defaults 0 1"
    esp_mounts | while read -r esp_device esp_mount; do
      echo "UUID=$(uuid_of "$esp_device") $esp_mount vfat $esp_options 0 1"
    done
  } >"$target/etc/fstab"
}

# esp_mounts: DEVICE MOUNT of each ESP, one a line: /boot/efi, and /boot/efi2 for the second half of a mirror.
esp_mounts() {
  esp_count=
  while read -r esp_line; do
    echo "$esp_line /boot/efi$esp_count"
    esp_count=2
  done <"$run/esp-devices"
}

uuid_of() {
  blkid --probe --match-tag UUID --output value "$1"
}

# in_target COMMAND...: runs it in the new root, which has no systemd running and whose /run is empty.
in_target() {
  if [ ! -d "$target/proc/1" ]; then
    mount -t proc proc "$target/proc"
    mount -t sysfs sysfs "$target/sys"
    mount -t devtmpfs devtmpfs "$target/dev"
    mkdir -p "$target/dev/pts"
    mount -t devpts devpts "$target/dev/pts"
  fi
  # An installer has mounted the others, and leaves what lies here on the disk.
  grep -q " $target/run " /proc/mounts || mount -t tmpfs -o mode=755 tmpfs "$target/run"
  chroot "$target" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive "$@"
}

# The node's own layer: accounts, keys, hosts, firewall, network.
step_apply_overlay() {
  apply_layer overlay
}

# What a golden image has been built with.
step_apply_image_layer() {
  apply_layer image-layer
}

# apply_layer NAME: the layer of this name, as the bastion has it, if it is the one that was promised.
apply_layer() {
  session_request "$1" GET "$seed/$1.tar"
  size=$(stat --format %s "$run/$1.answer")
  read -r sum _ <<SUM
$(sha256sum "$run/$1.answer")
SUM
  if [ "$size" -ne "$bytes" ] || [ "$sum" != "$sha256" ]; then
    echo "$1: $size bytes with SHA-256 $sum came, expected $bytes bytes with $sha256"
    return 1
  fi
  in_target mkdir -m 700 "/run/imagectl-$1"
  tar --extract --file "$run/$1.answer" --directory "$target/run/imagectl-$1" --numeric-owner
  in_target sh "/run/imagectl-$1/imagectl/apply"
}

# An installer sets up a network of its own and keeps how packages came.
step_tidy_system() {
  in_target sh -eu <"$here/tidy-system.sh"
}

# Keys are made here and never leave this node; the bastion signs the public half.
step_sign_host_keys() {
  rm -f "$target"/etc/ssh/ssh_host_*
  in_target ssh-keygen -q -t ed25519 -N '' -C "root@$(cat "$target/etc/hostname")" -f /etc/ssh/ssh_host_ed25519_key
  if grep -rqs '^HostKey .*ssh_host_rsa_key' "$target/etc/ssh/sshd_config" "$target/etc/ssh/sshd_config.d"; then
    in_target ssh-keygen -q -t rsa -b 4096 -N '' -C "root@$(cat "$target/etc/hostname")" -f /etc/ssh/ssh_host_rsa_key
  fi
  session_request host-key POST "$seed/host-key" --header 'Content-Type: text/plain' \
    --data-binary "@$target/etc/ssh/ssh_host_ed25519_key.pub"
  cp "$run/host-key.answer" "$target/etc/ssh/ssh_host_ed25519_key-cert.pub"
  chmod 644 "$target/etc/ssh/ssh_host_ed25519_key-cert.pub"
  in_target ssh-keygen -L -f /etc/ssh/ssh_host_ed25519_key-cert.pub
}

# Everything is on the disk when this has ended.
step_unmount_target() {
  end_processes_in_target
  umount --recursive "$target"
  sync
  blockdev --flushbufs "$(cat "$run/root-device")"
  stop_mirror
}

# A package's script may have left something running, which would hold the file system.
end_processes_in_target() {
  ls -l /proc/[0-9]*/root 2>/dev/null | sed -n "s|.* /proc/\([0-9]*\)/root -> $target\$|\1|p" |
    while read -r process; do
      echo "ending process $process, which was left behind: $(tr '\0' ' ' <"/proc/$process/cmdline")"
      kill -KILL "$process"
    done
}
