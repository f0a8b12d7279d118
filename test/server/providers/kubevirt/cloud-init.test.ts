import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import {
  bootstrapData,
  checkJoinCommand,
  cloneData,
} from '../../../../server/providers/kubevirt/cloud-init.ts';
import { ProviderError, type VmSpec } from '../../../../server/providers/provider.ts';
import { clusterRef } from '../../../kit/simulator.ts';

const ref = clusterRef('cluster1');
const access = { user: 'snapyard', publicKey: 'ssh-ed25519 AAAA snapyard' };
const JOIN =
  'kubeadm join 192.168.231.1:6443 --token ab12.cd34 --discovery-token-ca-cert-hash sha256:0f';

const config = z.object({
  hostname: z.string(),
  ssh_deletekeys: z.boolean(),
  users: z.array(
    z.object({ name: z.string(), sudo: z.string(), ssh_authorized_keys: z.array(z.string()) }),
  ),
  write_files: z
    .array(z.object({ path: z.string(), content: z.string(), permissions: z.string() }))
    .default([]),
  runcmd: z.array(z.array(z.string())),
});

test('every node is what its role is, and lets our user in', () => {
  for (const spec of ref.vms) {
    const { hostname, users } = read(bootstrapData(ref, spec, access, JOIN));
    expect(hostname).toBe(spec.role === 'WORKER' ? 'worker' : 'control-plane');
    expect(users).toEqual([
      expect.objectContaining({ name: 'snapyard', ssh_authorized_keys: [access.publicKey] }),
    ]);
  }
});

test('scripts are scripts, and everything that is run is written first', () => {
  for (const spec of ref.vms) {
    const { write_files: files, runcmd } = read(bootstrapData(ref, spec, access, JOIN));
    const scripts = files.filter(({ content }) => content.startsWith('#!'));
    expect(scripts).toHaveLength(2);
    for (const { path, content, permissions } of scripts) {
      expect(permissions, path).toBe('0755');
      const { status, stderr } = spawnSync('sh', ['-n'], { input: content });
      expect([path, status, String(stderr)]).toEqual([path, 0, '']);
    }
    expect(scripts.map(({ path }) => path)).toContain(runcmd[0]?.[0]);
  }
});

test('the settings of kubeadm hold addresses of the tunnel only', () => {
  const kubeadm = fileOf('CONTROL_PLANE', '/etc/snapyard/kubeadm.yaml');
  const documents = parseAllDocuments(kubeadm).map((each) => each.toJS() as unknown);
  expect(documents).toEqual([
    expect.objectContaining({ kind: 'InitConfiguration', apiVersion: 'kubeadm.k8s.io/v1beta4' }),
    expect.objectContaining({ kind: 'ClusterConfiguration' }),
    expect.objectContaining({ kind: 'KubeletConfiguration' }),
  ]);
  expect(kubeadm).toContain('advertiseAddress: 192.168.231.1');
  expect(fileOf('WORKER', '/etc/default/kubelet')).toContain('--node-ip=192.168.231.2');
});

test('each end of the tunnel knows the other', () => {
  expect(fileOf('CONTROL_PLANE', '/etc/snapyard/tunnel.conf').split('\n')).toEqual([
    'address=192.168.231.1',
    'peer=worker',
    'peer_address=192.168.231.2',
    'peer_pods=10.231.1.0/24',
    '',
  ]);
  expect(fileOf('WORKER', '/etc/snapyard/tunnel.conf')).toContain('peer=control-plane');
});

test.each([
  [
    'as pods have it',
    'search a-1.svc.cluster.local svc.cluster.local cluster.local',
    'a-1.svc.cluster.local',
  ],
  ['after a longer one of the machine', 'search big.example.com a-1.svc.k8s', 'a-1.svc.k8s'],
  ['not there', 'search big.example.com', undefined],
])('the tunnel looks for the other node in its own namespace: %s', (_name, line, domain) => {
  const folder = mkdtempSync(join(tmpdir(), 'snapyard-tunnel-'));
  try {
    const script = fileOf('CONTROL_PLANE', '/usr/local/lib/snapyard/tunnel')
      .replaceAll(/(\/run\/systemd\/resolve|\/etc)\/resolv\.conf/g, join(folder, 'resolv.conf'))
      .replaceAll('/etc/snapyard/tunnel.conf', join(folder, 'tunnel.conf'));
    writeFileSync(join(folder, 'resolv.conf'), `nameserver 10.96.0.10\n${line}\n`);
    writeFileSync(join(folder, 'tunnel.conf'), 'peer=worker\n');
    // Whatever is asked for is found under an address that is what was asked for.
    const ask = 'getent() { echo "$2 STREAM"; }\nfind_peer\n';
    const asking = script.replace(/case "\$\{1:-\}" in[^]*/, () => ask);
    const { stdout } = spawnSync('sh', ['-c', asking], { encoding: 'utf8' });
    expect(stdout.trim()).toBe(domain === undefined ? '' : `worker.${domain}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a pod network for images without one', () => {
  const text = fileOf('WORKER', '/etc/snapyard/bridge.conflist');
  expect(JSON.parse(text)).toMatchObject({
    plugins: [{ type: 'bridge', ipam: { ranges: [[{ subnet: '10.231.1.0/24' }]] } }, {}],
  });
});

test('only the worker is told how to join, and only root reads it', () => {
  expect(bootstrapData(ref, vm('CONTROL_PLANE'), access, undefined)).not.toContain('sha256');
  const { write_files: files } = read(bootstrapData(ref, vm('WORKER'), access, JOIN));
  expect(files).toContainEqual({
    path: '/etc/snapyard/join',
    content: `${JOIN}\n`,
    permissions: '0600',
  });
});

test('data fits where data goes', () => {
  for (const spec of ref.vms) {
    const bytes = Buffer.byteLength(bootstrapData(ref, spec, access, JOIN));
    expect(bytes).toBeLessThanOrEqual(16_384);
  }
});

test('a copy keeps its identity, or gets one of its own, and sets up nothing', () => {
  const shared = read(cloneData(vm('WORKER'), access));
  const rekeyed = read(cloneData(vm('WORKER'), access, 'REKEYED'));
  expect([shared.ssh_deletekeys, rekeyed.ssh_deletekeys]).toEqual([false, true]);
  expect(shared.hostname).toBe('worker');
  expect(rekeyed.runcmd.flat()).toContain('/etc/machine-id');
  expect(shared.runcmd.flat()).not.toContain('/etc/machine-id');
  expect([shared.write_files, rekeyed.write_files]).toEqual([[], []]);
});

test('a VM on its own is no node', () => {
  const single = clusterRef('vm1', 'micro');
  const [spec] = single.vms;
  if (spec === undefined) throw new Error('there is one');
  expect(read(bootstrapData(single, spec, access, undefined)).write_files).toEqual([]);
});

test.each([
  'kubeadm join 1.2.3.4:6443 --token a.b; reboot',
  'kubeadm join $(reboot)',
  'kubeadm join a:1\nreboot',
  'curl evil',
  '',
])('%j is no join command', (text) => {
  expect(() => checkJoinCommand(text)).toThrow(ProviderError);
});

test('a join command may end as a line does', () => {
  expect(checkJoinCommand(`${JOIN} \n`)).toBe(JOIN);
});

function read(data: string): z.infer<typeof config> {
  expect(data.startsWith('#cloud-config\n')).toBe(true);
  return config.parse(parse(data));
}

function fileOf(role: VmSpec['role'], path: string): string {
  const { write_files: files } = read(bootstrapData(ref, vm(role), access, JOIN));
  return files.find((file) => file.path === path)?.content ?? '';
}

function vm(role: VmSpec['role']): VmSpec {
  const spec = ref.vms.find((each) => each.role === role);
  if (spec === undefined) throw new Error(`${role} is there`);
  return spec;
}
