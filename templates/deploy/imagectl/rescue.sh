# shellcheck shell=dash
# A rescue: the way in for a person, from the bastion alone. No disk is written here.

# The host key is made in RAM and signed by the cluster's host CA like an installed system's: ssh asks nobody.
step_open_rescue() {
  door=$run/ssh
  mkdir -p -m 700 "$door" /root /run/sshd
  ssh-keygen -q -t ed25519 -N '' -C "rescue" -f "$door/host_key"
  session_request host-key POST "$seed/host-key" --header 'Content-Type: text/plain' \
    --data-binary "@$door/host_key.pub"
  cp "$run/host-key.answer" "$door/host_key-cert.pub"
  printf 'restrict,pty,from="%s" %s\n' "$from" "$key" >"$door/authorized_keys"
  write_rescue_config >"$door/sshd_config"
  write_rescue_motd >/etc/motd
  # By its whole path: sshd starts itself anew for each connection.
  busybox setsid "$(command -v sshd)" -D -f "$door/sshd_config" -E "$door/log" </dev/null >/dev/null 2>&1 &
  wait_for_sshd
  : >"$run/rescue"
}

write_rescue_config() {
  cat <<CONFIG
HostKey $door/host_key
HostCertificate $door/host_key-cert.pub
AuthorizedKeysFile $door/authorized_keys
AuthenticationMethods publickey
PermitRootLogin prohibit-password
AllowUsers root
UsePAM no
PidFile $door/pid
SetEnv PATH=/imagectl/bin:/usr/sbin:/usr/bin:/sbin:/bin
Subsystem sftp internal-sftp
CONFIG
}

write_rescue_motd() {
  cat <<MOTD
imagectl rescue: this system is in RAM, and no disk was written.
  lsblk -f                                look
  mount -o ro,noload /dev/PARTITION /mnt  look closer; without ro,noload ext4 replays its journal
  mdadm --assemble --readonly --scan      arrays and volume groups are not started by themselves
Done: imagectl disarm NODE on the bastion, then here: busybox reboot -f
MOTD
}

# The file appears when it listens.
wait_for_sshd() {
  tries=0
  until [ -f "$door/pid" ]; do
    tries=$((tries + 1))
    if [ "$tries" -gt 100 ]; then
      echo "sshd does not start:"
      cat "$door/log"
      return 1
    fi
    sleep 0.2
  done
}
