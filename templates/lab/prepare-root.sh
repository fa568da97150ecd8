#!/bin/sh
# Makes an unpacked root a node's own, by the very steps of the deploy environment: node overlay, host keys.
# Arguments: FOLDER LOWER HOSTNAME PRINCIPALS SHA256 BYTES. FOLDER holds upper, work and root, and in session/
# what the seed session would answer from: overlay.tar, and the host CA's private key as host-ca.
# Runs in mount and network namespaces of its own: what apply starts or mounts stays there.
set -eu
folder=$1 lower=$2 hostname=$3 principals=$4
# What the step is told, as step.sh would have read it.
sha256=$5 bytes=$6
export sha256 bytes

agent=$(dirname "$0")/../deploy/imagectl
IMAGECTL_RUN=$folder/session
IMAGECTL_TARGET=$folder/root
seed=lab
# shellcheck source=templates/deploy/imagectl/base.sh
. "$agent/base.sh"
# shellcheck source=templates/deploy/imagectl/target.sh
. "$agent/target.sh"

# Instead of http.sh: there is no server, and the answers are the same.
session_request() {
  case $1 in
    overlay) cp "$run/overlay.tar" "$run/overlay.answer" ;;
    host-key)
      cp "$target/etc/ssh/ssh_host_ed25519_key.pub" "$run/host-key.pub"
      ssh-keygen -q -s "$run/host-ca" -I "$hostname" -h -n "$principals" -V -5m:+1d "$run/host-key.pub"
      mv "$run/host-key-cert.pub" "$run/host-key.answer"
      ;;
    *) return 1 ;;
  esac
}

mount -t overlay overlay -o "lowerdir=$lower,upperdir=$folder/upper,workdir=$folder/work" "$target"
step_apply_overlay
step_sign_host_keys
