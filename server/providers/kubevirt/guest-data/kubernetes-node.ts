import { POD_SUBNET, SERVICE_SUBNET, TUNNEL_DEVICE, type NodePlace } from './network.ts';
import { FAILED_FILE, JOIN_FILE, MARKS_FOLDER } from './places.ts';

/** Where the script that makes a node, and what it needs, are in a guest. */
export const SETUP = {
  script: '/usr/local/lib/snapyard/setup',
  kubeadm: '/etc/snapyard/kubeadm.yaml',
  join: '/etc/snapyard/join',
  cni: '/etc/snapyard/cni.yaml',
  bridge: '/etc/snapyard/bridge.conflist',
} as const;

const SETUP_LOG = '/var/log/snapyard-setup.log';
/** Applied by itself: what an image has in other files may name what its kernel does not have. */
const SYSCTL_FILE = '/etc/sysctl.d/60-snapyard.conf';
const STOP_FILE = '/etc/systemd/system.conf.d/60-snapyard.conf';
const UNMET = 'NumCPU,Mem';
const ADMIN = '/etc/kubernetes/admin.conf';

/** What all nodes do first: a step that fails leaves its last words where we read them. */
const COMMON = `#!/bin/sh
set -u
log=${SETUP_LOG}

fail() {
  reason=$(grep -v 'stack trace' "$log" | tail -n 3 | tr -s '[:space:]' ' ')
  printf '%s: %s\\n' "$1" "$reason" > ${FAILED_FILE}
  exit 1
}

try() {
  "$@" >> "$log" 2>&1 || fail "$1 \${2:-}"
}

mkdir -p ${MARKS_FOLDER}
rm -f ${FAILED_FILE}
echo "setting up" > "$log"
try swapoff -a
try modprobe br_netfilter
try sysctl -p ${SYSCTL_FILE}
try systemctl daemon-reload
try systemctl enable --now snapyard-tunnel.service
if [ ! -e ${SETUP.cni} ]; then
  mkdir -p /etc/cni/net.d
  try cp ${SETUP.bridge} /etc/cni/net.d/10-snapyard.conflist
fi
`;

/** Makes the control plane; the join command appears last, whole, for root's eyes only. */
export function controlPlaneSetup(user: string): string {
  return `${COMMON}
if [ ! -e ${ADMIN} ]; then
  version=$(kubeadm version -o short) || fail "kubeadm version"
  try sed -i "s/@VERSION@/$version/" ${SETUP.kubeadm}
  try kubeadm init --config ${SETUP.kubeadm}
fi
mkdir -p /root/.kube /home/${user}/.kube
try cp ${ADMIN} /root/.kube/config
try cp ${ADMIN} /home/${user}/.kube/config
try chown -R ${user}:${user} /home/${user}/.kube
try chmod 600 /home/${user}/.kube/config
export KUBECONFIG=${ADMIN}
if [ -e ${SETUP.cni} ]; then
  try kubectl apply -f ${SETUP.cni}
fi
kubectl taint nodes control-plane node-role.kubernetes.io/control-plane- >> "$log" 2>&1
umask 077
kubeadm token create --ttl 0 --print-join-command > ${JOIN_FILE}.new 2>> "$log" ||
  fail "kubeadm token create"
try mv ${JOIN_FILE}.new ${JOIN_FILE}
`;
}

/** Makes a worker: it joins once, and kubeadm itself waits for the control plane. */
export const WORKER_SETUP = `${COMMON}
if [ ! -e /etc/kubernetes/kubelet.conf ]; then
  join=$(cat ${SETUP.join}) || fail "reading the join command"
  try $join --node-name=worker --ignore-preflight-errors=${UNMET}
fi
`;

/** kubeadm's settings; the version of the image is filled in by the script. */
export function kubeadmSettings(node: NodePlace): string {
  return `apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint:
  advertiseAddress: ${node.address}
  bindPort: 6443
nodeRegistration:
  name: ${node.host}
  ignorePreflightErrors:
    - NumCPU
    - Mem
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: "@VERSION@"
controlPlaneEndpoint: ${node.address}:6443
networking:
  podSubnet: ${POD_SUBNET}
  serviceSubnet: ${SERVICE_SUBNET}
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
cgroupDriver: systemd
# Swap that an image mounts comes back at each start.
failSwapOn: false
`;
}

/** Pods on a bridge of their node, for images that bring no network of their own. */
export function bridgeNetwork(node: NodePlace): string {
  const ipam = {
    type: 'host-local',
    ranges: [[{ subnet: node.pods }]],
    routes: [{ dst: '0.0.0.0/0' }],
  };
  const bridge = {
    type: 'bridge',
    bridge: 'cni0',
    isGateway: true,
    ipMasq: true,
    hairpinMode: true,
    mtu: 1350,
    ipam,
  };
  const portmap = { type: 'portmap', capabilities: { portMappings: true } };
  const list = { cniVersion: '1.0.0', name: 'snapyard', plugins: [bridge, portmap] };
  return `${JSON.stringify(list, null, 2)}\n`;
}

/** What kubelet is told besides kubeadm's settings, and the kernel. */
export function nodeFiles(node: NodePlace): readonly (readonly [path: string, text: string])[] {
  return [
    ['/etc/default/kubelet', `KUBELET_EXTRA_ARGS=--node-ip=${node.address}\n`],
    // Containers that do not listen hold a shutdown up for long, until the machine is cut off.
    [STOP_FILE, '[Manager]\nDefaultTimeoutStopSec=15s\n'],
    ['/etc/modules-load.d/snapyard.conf', 'br_netfilter\nvxlan\n'],
    [
      SYSCTL_FILE,
      `net.ipv4.ip_forward=1\nnet.ipv4.conf.all.rp_filter=0\n# ${TUNNEL_DEVICE} carries pods.\n`,
    ],
  ];
}
