# shellcheck shell=dash
# Brings up the one interface that the bastion knows, with the address that it gave: no DHCP, no name server.

# Seconds between two lines that say what is still missing.
network_notice_seconds=10

# bring_up_network MAC ADDRESS/PREFIX: returns when the interface has carrier and address.
bring_up_network() {
  wait_for_interface "$1"
  ip link set dev "$interface" up
  ip address replace "$2" dev "$interface"
  wait_for_carrier
  say "network: $interface $1 has $2"
}

wait_for_interface() {
  interface_since=$(uptime_seconds)
  notice_at=$network_notice_seconds
  until interface=$(interface_of "$1"); do
    waited=$(($(uptime_seconds) - interface_since))
    if [ "$waited" -ge "$notice_at" ]; then
      say "network: no interface has the MAC address $1 (for $waited s). There are: $(show_interfaces)"
      notice_at=$((waited + network_notice_seconds))
    fi
    sleep 0.2
  done
}

wait_for_carrier() {
  carrier_since=$(uptime_seconds)
  notice_at=$network_notice_seconds
  until [ "$(cat "/sys/class/net/$interface/carrier" 2>/dev/null)" = 1 ]; do
    waited=$(($(uptime_seconds) - carrier_since))
    if [ "$waited" -ge "$notice_at" ]; then
      say "network: $interface has no carrier (for $waited s). Check cable and switch port."
      notice_at=$((waited + network_notice_seconds))
    fi
    sleep 0.1
  done
}

# interface_of MAC: its name.
interface_of() {
  for device in /sys/class/net/*; do
    [ -e "$device/device" ] || continue
    if [ "$(cat "$device/address")" = "$1" ]; then
      echo "${device##*/}"
      return 0
    fi
  done
  return 1
}

show_interfaces() {
  for device in /sys/class/net/*; do
    [ ! -e "$device/device" ] || printf '%s %s; ' "${device##*/}" "$(cat "$device/address")"
  done
}
