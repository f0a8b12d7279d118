import type { VmRole } from '../../../schema/model/template.ts';
import type { ClusterRef, VmSpec } from '../provider.ts';
import { refused } from './errors.ts';
import {
  bridgeNetwork,
  controlPlaneSetup,
  kubeadmSettings,
  nodeFiles,
  SETUP,
  WORKER_SETUP,
} from './guest-data/kubernetes-node.ts';
import { NODES, type NodePlace } from './guest-data/network.ts';
import { MARKS_FOLDER } from './guest-data/places.ts';
import { TUNNEL, TUNNEL_SCRIPT, TUNNEL_UNIT, tunnelSettings } from './guest-data/tunnel.ts';
import { roleLabel } from './names.ts';

/**
 * The cloud-init data of guests. What an image must bring for it, besides cloud-init with NoCloud,
 * sshd, systemd and iproute2:
 * - containerd as kubeadm wants it: systemd as its cgroup driver, the pause image set;
 * - kubelet, kubeadm (v1beta4 settings, so 1.31 or newer), kubectl and the CNI plugins `bridge`,
 *   `host-local` and `portmap` in `/opt/cni/bin`, as the packages of kubernetes.io have them;
 * - the control plane's images pulled already, where guests reach no registry;
 * - perhaps `/etc/snapyard/cni.yaml`: a pod network for 10.231.0.0/16 to be applied. Without it
 *   pods are on a bridge of their node, and the tunnel joins the two;
 * - perhaps the guest agent, without which snapshots while it runs are refused.
 */

/** Who may log in, and the parts of the data that are secret. */
export interface GuestAccess {
  readonly user: string;
  readonly publicKey: string;
}

/** More than this does not fit everywhere that cloud-init data goes. */
const MOST_BYTES = 16_384;

interface GuestFile {
  readonly path: string;
  readonly content: string;
  readonly permissions: string;
}

/** Data for a VM that is made from its image; a worker is told how to join. */
export function bootstrapData(
  ref: Pick<ClusterRef, 'vms'>,
  spec: Pick<VmSpec, 'role'>,
  access: GuestAccess,
  join: string | undefined,
): string {
  const node = NODES[spec.role];
  const peer = NODES[spec.role === 'WORKER' ? 'CONTROL_PLANE' : 'WORKER'];
  if (ref.vms.length < 2 || node === undefined || peer === undefined)
    return cloneData(spec, access);
  return cloudConfig({
    ...login(spec.role, access),
    ssh_deletekeys: true,
    write_files: [...nodeSetup(node, peer), ...roleFiles(spec.role, node, access, join)],
    runcmd: [[SETUP.script]],
  });
}

/**
 * Data for a VM whose disk has been set up already: it may log in, and is what it was. A REKEYED
 * one gets host keys and a machine id of its own.
 */
export function cloneData(
  spec: Pick<VmSpec, 'role'>,
  access: GuestAccess,
  identity: ClusterRef['identity'] = 'SHARED_IDENTITY',
): string {
  const isRekeyed = identity === 'REKEYED';
  const rekey = [
    ['rm', '-f', '/etc/machine-id', '/var/lib/dbus/machine-id'],
    ['systemd-machine-id-setup'],
  ];
  return cloudConfig({
    ...login(spec.role, access),
    ssh_deletekeys: isRekeyed,
    runcmd: [...(isRekeyed ? rekey : []), ['mkdir', '-p', MARKS_FOLDER]],
  });
}

/** Refuses what is no join command before it is put into another guest's hands. */
export function checkJoinCommand(text: string): string {
  const command = text.trim();
  if (/^kubeadm join [\w.:[\]-]+( [\w.:/=-]+)*$/.test(command)) return command;
  throw refused('the control plane gave something that is no join command');
}

function login(role: VmRole, { user, publicKey }: GuestAccess) {
  return {
    hostname: roleLabel(role),
    preserve_hostname: false,
    manage_etc_hosts: true,
    ssh_pwauth: false,
    users: [
      {
        name: user,
        groups: 'sudo',
        shell: '/bin/bash',
        sudo: 'ALL=(ALL) NOPASSWD:ALL',
        lock_passwd: true,
        ssh_authorized_keys: [publicKey],
      },
    ],
  };
}

function nodeSetup(node: NodePlace, peer: NodePlace): GuestFile[] {
  return [
    file(TUNNEL.settings, tunnelSettings(node, peer)),
    file(TUNNEL.script, TUNNEL_SCRIPT, '0755'),
    file(TUNNEL.unit, TUNNEL_UNIT),
    file(SETUP.bridge, bridgeNetwork(node)),
    ...nodeFiles(node).map(([path, content]) => file(path, content)),
  ];
}

function roleFiles(
  role: VmRole,
  node: NodePlace,
  { user }: GuestAccess,
  join: string | undefined,
): GuestFile[] {
  if (role === 'CONTROL_PLANE') {
    return [
      file(SETUP.kubeadm, kubeadmSettings(node), '0600'),
      file(SETUP.script, controlPlaneSetup(user), '0755'),
    ];
  }
  if (join === undefined) throw new Error('a worker is told how to join');
  return [file(SETUP.join, `${join}\n`, '0600'), file(SETUP.script, WORKER_SETUP, '0755')];
}

function file(path: string, content: string, permissions = '0644'): GuestFile {
  return { path, content, permissions };
}

/** JSON is YAML too, and has only one way to quote. */
function cloudConfig(data: object): string {
  const text = `#cloud-config\n${JSON.stringify(data, null, 1)}\n`;
  if (Buffer.byteLength(text) <= MOST_BYTES) return text;
  throw new Error(`cloud-init data of ${Buffer.byteLength(text)} bytes`);
}
