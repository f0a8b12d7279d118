import { TUNNEL_DEVICE, TUNNEL_PORT, type NodePlace } from './network.ts';

/** Where the tunnel's script, settings and unit are in a guest. */
export const TUNNEL = {
  script: '/usr/local/lib/snapyard/tunnel',
  settings: '/etc/snapyard/tunnel.conf',
  unit: '/etc/systemd/system/snapyard-tunnel.service',
} as const;

/**
 * Builds the tunnel and keeps it pointed at the other node. `up` needs no network; `follow` asks
 * every five seconds where the other node is now, because a restart gives it another address.
 */
export const TUNNEL_SCRIPT = `#!/bin/sh
set -u
. ${TUNNEL.settings}
device=${TUNNEL_DEVICE}
anywhere=00:00:00:00:00:00

up() {
  ip link show "$device" >/dev/null 2>&1 ||
    ip link add "$device" type vxlan id 231 dstport ${TUNNEL_PORT} nolearning || return 1
  ip link set "$device" mtu 1350 up || return 1
  ip address replace "$address/24" dev "$device" || return 1
  ip route replace "$peer_pods" via "$peer_address" dev "$device"
}

find_peer() {
  # The domain of our namespace; domains of the machine we run on may come before it.
  domain=$(cat /run/systemd/resolve/resolv.conf /etc/resolv.conf 2>/dev/null | awk '
    $1 == "search" { for (i = 2; i <= NF; i++) if ($i ~ /[.]svc[.]/) { print $i; exit } }')
  [ -n "$domain" ] || return 0
  getent ahostsv4 "$peer.$domain" | awk 'NR == 1 { print $1 }'
}

forget_all() {
  bridge fdb show dev "$device" | sed -n "s/^$anywhere dst \\([^ ]*\\).*/\\1/p" |
    while read -r old; do bridge fdb del "$anywhere" dev "$device" dst "$old"; done
}

follow() {
  forget_all
  known=
  while :; do
    now=$(find_peer)
    if [ -n "$now" ] && [ "$now" != "$known" ]; then
      [ -z "$known" ] || bridge fdb del "$anywhere" dev "$device" dst "$known"
      bridge fdb append "$anywhere" dev "$device" dst "$now" && known=$now
    fi
    sleep 5
  done
}

case "\${1:-}" in
  up) up ;;
  follow) follow ;;
  *) echo "usage: tunnel up|follow" >&2; exit 2 ;;
esac
`;

/** The unit that has the tunnel there before kubelet starts, at every boot. */
export const TUNNEL_UNIT = `[Unit]
Description=Tunnel to the other node of this cluster
After=network.target
Before=kubelet.service

[Service]
ExecStartPre=${TUNNEL.script} up
ExecStart=${TUNNEL.script} follow
Restart=always
RestartSec=5

[Install]
WantedBy=multi-user.target
`;

/** The settings of a node's end of the tunnel. */
export function tunnelSettings(own: NodePlace, peer: NodePlace): string {
  return [
    `address=${own.address}`,
    `peer=${peer.host}`,
    `peer_address=${peer.address}`,
    `peer_pods=${peer.pods}`,
    '',
  ].join('\n');
}
