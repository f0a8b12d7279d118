import { afterEach, describe, expect, test } from 'vitest';
import { connectKubernetes } from '../../server/providers/kubevirt/client.ts';
import { preflight } from '../../server/providers/kubevirt/preflight.ts';
import type { Preflight } from '../../server/providers/kubevirt/preflight-report.ts';
import { RIGHTS } from '../../server/providers/kubevirt/rights.ts';
import { DEFAULT_KUBEVIRT_SETTINGS } from '../../server/providers/kubevirt/settings.ts';
import { VirtualKubernetes, type VirtualKubernetesOptions } from '../kit/virtual-kubernetes.ts';

// The preflight by the real client, before a server that answers as a real one.

const WITHIN_MS = 600_000;
const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const ROLE = RIGHTS.map(({ group, resource, verbs }) => {
  return { apiGroups: [group], resources: [resource], verbs };
});

/** A preflight before a simulator; fails when it leaves anything behind. */
async function look(options: VirtualKubernetesOptions): Promise<Preflight> {
  const writes: string[] = [];
  const bench = await VirtualKubernetes.open({
    ...options,
    onRequest: (when, { verb, resource }) => {
      const isRead = ['get', 'list', 'watch'].includes(verb) || resource.includes('review');
      if (when === 'BEFORE' && !isRead) writes.push(`${verb} ${resource}`);
      return undefined;
    },
  });
  const { world } = bench;
  const settings = { ...DEFAULT_KUBEVIRT_SETTINGS, kubeconfig: bench.kubeconfig() };
  const kubernetes = connectKubernetes({ world, settings, log: () => undefined });
  closing.push(async () => {
    await bench.done(kubernetes.close());
    await bench.close();
  });
  const { signal } = new AbortController();
  const answer = await bench.done(preflight(kubernetes, settings, signal), WITHIN_MS);
  const snapshots = bench.kubernetes.objects.list('VirtualMachineSnapshot');
  expect(snapshots, 'a creation that is only tried makes nothing').toEqual([]);
  expect(writes.filter((one) => one !== 'create virtualmachinesnapshots')).toEqual([]);
  return answer;
}

const bad = ({ findings }: Preflight) =>
  findings.filter(({ verdict }) => verdict === 'FAIL' || verdict === 'WARN');

describe('a preflight of the simulated Kubernetes', () => {
  test('finds all that is needed, with no more rights than the role has', async () => {
    const answer = await look({ rules: ROLE });
    expect(bad(answer)).toEqual([]);
    expect(answer.rungs.flatMap(({ closed }) => closed)).toEqual([]);
    expect(answer.works).toBe(true);
  });

  test('knows an older release', async () => {
    const answer = await look({ kubevirt: { major: 1, minor: 5 } });
    expect(bad(answer).map(({ check }) => check)).toEqual(['KubeVirt']);
    const closed = answer.rungs.filter((rung) => rung.closed.length > 0);
    expect(closed.map(({ rung }) => rung)).toEqual(['restore in place']);
    expect(answer.works).toBe(true);
  });

  test('names each right that is missing', async () => {
    const rules = ROLE.filter(({ resources }) => !resources.includes('datavolumes/source'));
    const answer = await look({ rules });
    expect(bad(answer).map(({ check }) => check)).toEqual([
      'right: datavolumes/source (cdi.kubevirt.io)',
    ]);
    expect(answer.works).toBe(false);
  });

  test('names them all where there is none', async () => {
    const answer = await look({ rules: [] });
    const rights = bad(answer).filter(({ check }) => check.startsWith('right: '));
    expect(rights).toHaveLength(RIGHTS.length);
    expect(answer.works).toBe(false);
  });
});
