import { expect, test } from 'vitest';
import { openWhole } from '../whole.ts';
import { holds } from './conditions.ts';
import type { Vm } from './shapes.ts';

const metadata = { name: 'cp', namespace: 'one' };
const VM = {
  apiVersion: 'kubevirt.io/v1',
  kind: 'VirtualMachine',
  metadata,
  spec: {
    runStrategy: 'RerunOnFailure',
    dataVolumeTemplates: [
      {
        metadata: { name: 'cp-rootdisk' },
        spec: {
          storage: { resources: { requests: { storage: '10Gi' } } },
          source: { http: { url: 'http://images/ubuntu' } },
        },
      },
    ],
    template: {
      metadata: { labels: { role: 'control-plane' } },
      spec: {
        readinessProbe: { guestAgentPing: {}, initialDelaySeconds: 5 },
        domain: {
          memory: { guest: '2Gi' },
          devices: {
            disks: [{ name: 'rootdisk', disk: { bus: 'virtio' } }],
            interfaces: [{ name: 'default', masquerade: {} }],
          },
        },
        networks: [{ name: 'default', pod: { vmNetworkCIDR: '10.0.3.0/24' } }],
        volumes: [{ name: 'rootdisk', dataVolume: { name: 'cp-rootdisk' } }],
      },
    },
  },
};

const KUBEVIRT = '/apis/kubevirt.io/v1/namespaces/one/virtualmachines';
const SUB = '/apis/subresources.kubevirt.io/v1/namespaces/one/virtualmachines/cp';

test('a VM is made, started, told of, stopped and deleted through the API', async () => {
  const { world, simulator, ask } = await openWhole(1);
  const vm = () => simulator.objects.get('VirtualMachine', 'one', 'cp') as Vm | undefined;
  const prints = (text: string) => () => vm()?.status?.printableStatus === text;
  const until = (come: () => boolean) => world.runUntil(come, { withinMs: 900_000 });
  await ask('POST', '/api/v1/namespaces', { metadata: { name: 'one' } });
  expect((await ask('POST', `${KUBEVIRT}?fieldValidation=Strict`, VM)).status).toBe(201);
  await until(prints('Running'));
  await until(prints('Running'));
  await until(() => holds(vm(), 'Ready'));
  expect(holds(vm(), 'AgentConnected')).toBe(true);
  expect(vm()?.status?.volumeSnapshotStatuses).toEqual([{ name: 'rootdisk', enabled: true }]);
  expect(await ask('PUT', `${SUB}/start`)).toMatchObject({ status: 409 });
  expect(await ask('PUT', `${SUB}/stop`, { gracePeriod: 0 })).toEqual({ status: 202, text: '' });
  await until(prints('Stopped'));
  expect((await ask('DELETE', `${KUBEVIRT}/cp`)).status).toBe(200);
  const kinds = ['VirtualMachine', 'DataVolume', 'PersistentVolumeClaim', 'Pod'];
  const left = (kind: string) => simulator.objects.list(kind, { namespace: 'one' });
  await until(() => kinds.every((kind) => left(kind).length === 0));
});

test('a field that nobody knows is refused, and a refusal of KubeVirt is a 422', async () => {
  const { ask } = await openWhole(1);
  await ask('POST', '/api/v1/namespaces', { metadata: { name: 'one' } });
  const typo = { ...VM, spec: { ...VM.spec, runStrategie: 'Always' } };
  const strict = await ask('POST', `${KUBEVIRT}?fieldValidation=Strict`, typo);
  expect([strict.status, strict.text]).toEqual([400, expect.stringContaining('runStrategie')]);
  const { runStrategy: _none, ...spec } = VM.spec;
  const refused = await ask('POST', KUBEVIRT, { ...VM, spec });
  expect(refused.status).toBe(422);
  expect(JSON.parse(refused.text)).toMatchObject({
    kind: 'Status',
    reason: 'Invalid',
    details: { causes: [{ field: 'spec.running' }] },
  });
});
