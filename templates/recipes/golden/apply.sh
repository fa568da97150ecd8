# shellcheck shell=sh
# The image layer of the plan: the same overlay, applied by the same script, as on a running node.
mkdir /tmp/overlay
tar -xf /run/imagectl/overlay.tar -C /tmp/overlay
/tmp/overlay/imagectl/apply
