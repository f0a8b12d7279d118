import { expect, test } from 'vitest';
import { POD_NETWORK } from '../../../../server/providers/kubevirt/guest-data/network.ts';
import type { Manifest, ObjectKind } from '../../../../server/providers/kubevirt/kubernetes.ts';
import {
  CREATED_KINDS,
  dataVolumeManifest,
  quotaManifest,
  restoreManifest,
  secret,
  serviceManifest,
  snapshotManifest,
  vmManifest,
} from '../../../../server/providers/kubevirt/manifests.ts';
import * as kinds from '../../../../server/providers/kubevirt/objects.ts';
import { clusterRef } from '../../../kit/simulator.ts';

const ref = clusterRef('cluster1');
const parts = {
  installation: 'installation-1',
  fence: 3,
  origin: 'COLD_BOOT',
  disk: 'a-disk',
  cloudInit: 'a-secret',
} as const;
const disk = {
  name: 'a-disk',
  namespace: 'cluster1',
  labels: { a: 'b' },
  sizeGiB: 10,
  storageClass: undefined,
};
const of = { namespace: 'cluster1', name: 'an-object' };
const pvc = { pvc: { namespace: 'vm-templates', name: 'golden' } };
const labels = { a: 'b' };

const MADE: readonly (readonly [what: string, kind: ObjectKind<unknown>, body: Manifest])[] = [
  ...ref.vms.map((spec) => [spec.name, kinds.VMS, vmManifest(ref, spec, parts)] as const),
  ...ref.vms.map((spec) => {
    const probed = { ...ref, readiness: 'PROBE' } as const;
    return [`${spec.name}, probed`, kinds.VMS, vmManifest(probed, spec, parts)] as const;
  }),
  ...ref.vms.map((spec) => {
    const service = serviceManifest(ref, spec, { installation: 'installation-1', port: 1 });
    return [`the service of ${spec.name}`, kinds.SERVICES, service] as const;
  }),
  ['a copy of a claim', kinds.DATA_VOLUMES, dataVolumeManifest({ ...disk, source: pvc })],
  [
    'a copy of a snapshot, as large as it is',
    kinds.DATA_VOLUMES,
    dataVolumeManifest({ ...disk, source: { snapshot: of }, sizeGiB: null, storageClass: 'ceph' }),
  ],
  [
    'an import',
    kinds.DATA_VOLUMES,
    dataVolumeManifest({ ...disk, source: { registry: { url: 'docker://here/image' } } }),
  ],
  ['a secret', kinds.SECRETS, secret(of, labels, { userdata: '#cloud-config\nä: b\n' })],
  ['a snapshot', kinds.VM_SNAPSHOTS, snapshotManifest(of, 'vm', { labels, deadline: '5m' })],
  [
    'a restore',
    kinds.VM_RESTORES,
    restoreManifest(of, { labels, vm: 'vm', snapshot: 's', volumes: 'InPlace' }),
  ],
];

test.each(MADE)('%s has the fields we may send, and no other', (_what, kind, body) => {
  const created = CREATED_KINDS.find((each) => each.kind === kind);
  expect(created?.schema.parse(body)).toEqual(body);
});

test('a VM boots from its disk and has its data from a secret, never inline', () => {
  const [first] = ref.vms;
  if (first === undefined) throw new Error('there are two');
  const { spec } = vmManifest(ref, first, parts).spec.template;
  expect(spec.volumes).toEqual([
    { name: 'rootdisk', dataVolume: { name: 'a-disk' } },
    {
      name: 'cloudinit',
      cloudInitNoCloud: { secretRef: { name: 'a-secret' }, networkData: POD_NETWORK },
    },
  ]);
  expect(spec.domain.devices.disks.map(({ name }) => name)).toEqual(['rootdisk', 'cloudinit']);
});

test('what runs for a VM has the labels of the VM', () => {
  for (const spec of ref.vms) {
    const { metadata, spec: of } = vmManifest(ref, spec, parts);
    expect(of.template.metadata.labels).toEqual(metadata.labels);
    const service = serviceManifest(ref, spec, { installation: 'installation-1', port: 1 });
    expect(metadata.labels).toMatchObject(service.spec.selector);
  }
});

test('a secret holds its texts in base64', () => {
  const { data } = secret(of, labels, { userdata: 'ä' });
  expect(Buffer.from(data['userdata'] ?? '', 'base64').toString()).toBe('ä');
});

test('a guest finds its network by a name, since each start gives it another MAC address', () => {
  for (const spec of ref.vms) {
    const text = JSON.stringify(vmManifest(ref, spec, parts));
    expect(text).toContain(JSON.stringify(POD_NETWORK));
    expect(text.toLowerCase()).not.toContain('macaddress');
  }
  const network: unknown = JSON.parse(POD_NETWORK);
  expect(network).toMatchObject({ ethernets: { enp1s0: { match: { name: 'e*' } } } });
});

test('CDI collects no disk of ours', () => {
  const { metadata } = dataVolumeManifest({ ...disk, source: pvc });
  expect(metadata.annotations).toMatchObject({
    'cdi.kubevirt.io/storage.deleteAfterCompletion': 'false',
  });
});

test.each([
  [2_048, { cpu: '16', memory: '16Gi', pods: '20' }],
  [8_192, { cpu: '16', memory: '17Gi', pods: '20' }],
])('VMs of %d MiB fit into the quota, with what KubeVirt adds to each', (memoryMiB, hard) => {
  const vms = ref.vms.map((vm) => ({ ...vm, memoryMiB }));
  expect(quotaManifest({ ...ref, vms }, 'installation-1').spec.hard).toEqual(hard);
});
