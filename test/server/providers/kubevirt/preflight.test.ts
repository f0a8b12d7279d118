import { describe, expect, test } from 'vitest';
import {
  type Kubernetes,
  KubernetesError,
} from '../../../../server/providers/kubevirt/kubernetes.ts';
import { preflight, unreachable } from '../../../../server/providers/kubevirt/preflight.ts';
import { type Preflight, tableOf } from '../../../../server/providers/kubevirt/preflight-report.ts';
import { DEFAULT_KUBEVIRT_SETTINGS } from '../../../../server/providers/kubevirt/settings.ts';
import { ProviderError } from '../../../../server/providers/provider.ts';

/** What a cluster has, as far as a preflight asks for it. */
interface Has {
  readonly release: string | null;
  readonly groups: Readonly<Record<string, readonly string[]>>;
  readonly gate: number | null;
  /** Objects by the plural of their kind. */
  readonly objects: Readonly<Record<string, readonly object[]>>;
  /** What the account may not do, as `verb resource`. */
  readonly refused: readonly string[];
}

const DEFAULT_CLASS = { 'storageclass.kubernetes.io/is-default-class': 'true' };

const WHOLE: Has = {
  release: 'v1.9.0',
  groups: {
    'kubevirt.io': ['v1', 'v1alpha3'],
    'subresources.kubevirt.io': ['v1'],
    'snapshot.kubevirt.io': ['v1beta1', 'v1alpha1'],
    'cdi.kubevirt.io': ['v1beta1'],
    'snapshot.storage.k8s.io': ['v1'],
  },
  gate: null,
  objects: {
    storageclasses: [
      {
        metadata: { name: 'fast', annotations: DEFAULT_CLASS },
        provisioner: 'csi.example.org',
        volumeBindingMode: 'Immediate',
      },
      { metadata: { name: 'slow' }, provisioner: 'other.example.org' },
    ],
    volumesnapshotclasses: [{ metadata: { name: 'snaps' }, driver: 'csi.example.org' }],
    storageprofiles: [{ metadata: { name: 'fast' }, status: { cloneStrategy: 'csi-clone' } }],
    namespaces: [{ metadata: { name: 'vm-templates' }, status: { phase: 'Active' } }],
    persistentvolumeclaims: [
      {
        metadata: { name: 'new-golden-image-1-33-0', namespace: 'vm-templates' },
        spec: { storageClassName: 'fast' },
        status: { phase: 'Bound' },
      },
    ],
  },
  refused: [],
};

/** An API that only answers what a preflight asks, and is asked nothing else. */
function kubernetesWith(has: Has): Kubernetes {
  const never = () => Promise.reject(new Error('a preflight changes nothing'));
  return {
    list: async (kind) => (has.objects[kind.plural] ?? []).map((one) => kind.schema.parse(one)),
    get: async (kind, { name }) => {
      const all = (has.objects[kind.plural] ?? []).map((one) => kind.schema.parse(one));
      return all.find((one) => nameOf(one) === name);
    },
    call: async (method, path, { body, query }) => answerTo(has, { method, path, body, query }),
    create: never,
    patch: never,
    remove: never,
    stream: never,
    view: () => {
      throw new Error('a preflight looks once');
    },
    close: () => Promise.resolve(),
  };
}

function nameOf(object: unknown): string {
  return (object as { metadata: { name: string } }).metadata.name;
}

function answerTo(
  has: Has,
  { method, path, body, query }: { method: string; path: string; body: unknown; query: unknown },
): unknown {
  if (path === '/version') return { gitVersion: 'v1.33.1' };
  if (path === '/apis') {
    const groups = Object.entries(has.groups);
    return {
      groups: groups.map(([name, versions]) => ({
        name,
        versions: versions.map((version) => ({ version })),
      })),
    };
  }
  if (path === '/apis/subresources.kubevirt.io/v1/version') {
    if (has.release === null) throw refusal(404, 'not found');
    return { gitVersion: has.release };
  }
  if (path.endsWith('/selfsubjectaccessreviews')) return { status: { allowed: mayBe(has, body) } };
  if (path.endsWith('/virtualmachinesnapshots') && method === 'POST') {
    expect(query).toEqual({ dryRun: 'All' });
    if (has.gate !== null) throw refusal(has.gate, 'snapshot feature gate not enabled');
    return body;
  }
  if (path === '/api/v1/namespaces/vm-templates') return {};
  throw new Error(`nobody expected ${method} ${path}`);
}

function mayBe(has: Has, body: unknown): boolean {
  const { spec } = body as { spec: { resourceAttributes: Record<string, string> } };
  const { verb, resource, subresource, namespace } = spec.resourceAttributes;
  expect(namespace).toBeUndefined();
  const path = subresource === undefined ? resource : `${resource}/${subresource}`;
  return !has.refused.includes(`${verb} ${path}`);
}

function refusal(status: number, message: string): KubernetesError {
  return new KubernetesError(message, { status });
}

function look(has: Partial<Has> = {}, settings = {}): Promise<Preflight> {
  const asked = { ...DEFAULT_KUBEVIRT_SETTINGS, ...settings };
  return preflight(kubernetesWith({ ...WHOLE, ...has }), asked, new AbortController().signal);
}

/** What is not as it must be. */
function complaints({ findings }: Preflight): string[] {
  const told = findings.filter(({ verdict }) => verdict === 'FAIL' || verdict === 'WARN');
  return told.map(({ check, verdict }) => `${verdict} ${check}`);
}

/** The rungs that are closed, without why. */
function closed({ rungs }: Preflight): string[] {
  return rungs.filter((rung) => rung.closed.length > 0).map(({ rung }) => rung);
}

const without = (key: string) =>
  Object.fromEntries(Object.entries(WHOLE.groups).filter(([group]) => group !== key));
const having = (plural: string, objects: readonly object[]) => ({
  objects: { ...WHOLE.objects, [plural]: objects },
});
const snaps = (name: string, annotations = {}) => ({
  metadata: { name, annotations },
  driver: 'csi.example.org',
});

describe('a preflight', () => {
  test('finds nothing missing where all is there', async () => {
    const answer = await look();
    expect(complaints(answer)).toEqual([]);
    expect(closed(answer)).toEqual([]);
    expect(answer.works).toBe(true);
    expect(tableOf(answer).join('\n')).toContain('A pool can work here.');
  });

  test.each<[what: string, has: Partial<Has>, complaint: string[], rungs: string[]]>([
    ['no KubeVirt', { release: null }, ['FAIL KubeVirt'], ['restore in place']],
    [
      'a release without in-place restore',
      { release: 'v1.5.2' },
      ['WARN KubeVirt'],
      ['restore in place'],
    ],
    ['a release that is too old', { release: 'v1.2.0' }, ['FAIL KubeVirt'], ['restore in place']],
    [
      'no CDI',
      { groups: without('cdi.kubevirt.io') },
      ['FAIL cdi.kubevirt.io'],
      ['clone snapshot', 'clone claim', 'bootstrap'],
    ],
    [
      'a gate that is off',
      { gate: 400 },
      ['FAIL feature gate Snapshot'],
      ['restore beside', 'restore in place', 'recreate from snapshot', 'clone snapshot'],
    ],
    ['a gate that refuses something else', { gate: 422 }, [], []],
    ['a gate nobody lets us try', { gate: 403 }, ['WARN feature gate Snapshot'], []],
    [
      'no snapshot class',
      having('volumesnapshotclasses', []),
      ['FAIL volume snapshot class'],
      ['restore beside', 'restore in place', 'recreate from snapshot', 'clone snapshot'],
    ],
    [
      'two snapshot classes',
      having('volumesnapshotclasses', [snaps('a'), snaps('b')]),
      ['FAIL volume snapshot class'],
      ['restore beside', 'restore in place', 'recreate from snapshot', 'clone snapshot'],
    ],
    ['no golden image', having('persistentvolumeclaims', []), ['FAIL golden image'], ['bootstrap']],
    [
      'no storage class',
      having('storageclasses', []),
      ['FAIL storage class'],
      [
        'restore beside',
        'restore in place',
        'recreate from snapshot',
        'clone snapshot',
        'clone claim',
        'bootstrap',
      ],
    ],
    [
      'no right to restore',
      { refused: ['create virtualmachinerestores'] },
      ['FAIL right: virtualmachinerestores (snapshot.kubevirt.io)'],
      ['restore beside', 'restore in place', 'recreate from snapshot'],
    ],
    [
      'no right to look at classes',
      { refused: ['list storageclasses'] },
      ['WARN right: storageclasses (storage.k8s.io)'],
      [],
    ],
  ])('tells %s', async (_what, has, complaint, rungs) => {
    const answer = await look(has);
    expect(complaints(answer)).toEqual(complaint);
    expect(closed(answer)).toEqual(rungs);
    expect(answer.works).toBe(!complaint.some((line) => line.startsWith('FAIL')));
    const mended = answer.findings.filter(({ verdict }) => ['FAIL', 'WARN'].includes(verdict));
    for (const { fix } of mended) expect(fix).toBeTruthy();
  });

  test('chooses the snapshot class as KubeVirt does', async () => {
    const standard = { 'snapshot.storage.kubernetes.io/is-default-class': 'true' };
    const found = async (has: Partial<Has>) => {
      const { findings } = await look(has);
      return findings.find(({ check }) => check === 'volume snapshot class')?.found;
    };
    const two = [snaps('a'), snaps('b', standard)];
    expect(await found(having('volumesnapshotclasses', two))).toBe('b');
    const profile = { metadata: { name: 'fast' }, status: { snapshotClass: 'a' } };
    const objects = {
      ...WHOLE.objects,
      volumesnapshotclasses: two,
      storageprofiles: [profile],
    };
    expect(await found({ objects })).toBe('a (of the storage profile)');
    expect(await found({ objects: { ...objects, volumesnapshotclasses: [two[1] ?? {}] } })).toBe(
      'a, which does not exist',
    );
  });

  test('looks at the storage class and the image that the settings name', async () => {
    const slow = await look({}, { storageClass: 'slow' });
    expect(complaints(slow)).toEqual(['FAIL volume snapshot class', 'WARN golden image']);
    const none = await look({}, { storageClass: 'none' });
    expect(complaints(none)).toEqual(['FAIL storage class']);
    const address = await look({}, { image: 'docker://registry.example.org/golden' });
    expect(complaints(address)).toEqual([]);
  });

  test('says in one line why nothing can be asked', () => {
    const silent = unreachable(refusal(0, 'GET /version has no answer: connect ECONNREFUSED'));
    expect(silent).toMatchObject({ works: false, rungs: [] });
    expect(complaints(silent)).toEqual(['FAIL Kubernetes API']);
    const lost = new ProviderError('no kubeconfig was found', { retryable: false });
    expect(complaints(unreachable(lost))).toEqual(['FAIL kubeconfig']);
    expect(() => unreachable(new Error('a bug'))).toThrow('a bug');
  });
});
