import { afterEach, expect, test } from 'vitest';
import {
  connectKubernetes,
  type KubernetesClient,
} from '../../../../server/providers/kubevirt/client.ts';
import { KubernetesError } from '../../../../server/providers/kubevirt/kubernetes.ts';
import { SECRETS } from '../../../../server/providers/kubevirt/objects.ts';
import { DEFAULT_KUBEVIRT_SETTINGS } from '../../../../server/providers/kubevirt/settings.ts';
import { seeded } from '../../../kit/seeded.ts';
import { VirtualKubernetes } from '../../../kit/virtual-kubernetes.ts';
import type { VirtualWorld } from '../../../kit/virtual-world.ts';
import type { KubernetesSimulator } from '../../../kubernetes/simulator.ts';

/** A client and what it speaks to, in one virtual time. */
interface Both {
  readonly world: VirtualWorld;
  readonly simulator: KubernetesSimulator;
  readonly client: KubernetesClient;
}

const LIMIT = { withinMs: 3_600_000 };
const never = new AbortController().signal;
const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function both(seed: number): Promise<Both> {
  const bench = await VirtualKubernetes.open({ seed });
  const { world, kubernetes: simulator } = bench;
  const settings = { ...DEFAULT_KUBEVIRT_SETTINGS, kubeconfig: bench.kubeconfig() };
  const client = connectKubernetes({ world, settings, log: () => {} });
  await client.connect();
  closing.push(async () => {
    await bench.done(client.close());
    await bench.close();
  });
  return { world, simulator, client };
}

const FAULTS = [
  { does: 'RESET' },
  { does: 'RESET', when: 'AFTER' },
  { does: 'HANG' },
  { does: 'SILENT', verb: 'watch' },
  { does: 'EXPIRE', verb: 'watch' },
  { does: 'EXPIRE', verb: 'list' },
  { does: 'ANSWER', status: 429, reason: 'TooManyRequests', retryAfterSeconds: 3 },
  { does: 'ANSWER', status: 500, reason: 'InternalError' },
  { does: 'ANSWER', status: 500, reason: 'InternalError', when: 'AFTER' },
  { does: 'ANSWER', status: 503, reason: 'ServiceUnavailable' },
  { does: 'ANSWER', status: 403, reason: 'Forbidden', verb: 'watch' },
] as const;

/** One thing that happens: to the objects by the client, or to the server. */
async function happen({ world, simulator, client }: Both, chance: () => number): Promise<void> {
  const pick = (of: number) => Math.floor(chance() * of);
  const fault = FAULTS[pick(FAULTS.length)];
  if (chance() < 0.3) simulator.faults.clear();
  if (chance() < 0.6) simulator.faults.add({ kind: 'Secret', times: 1 + pick(4), ...fault });
  if (chance() < 0.1) simulator.forgetHistory();
  if (chance() < 0.1) simulator.goAway(1_000 + pick(30_000));
  const of = { namespace: 'default', name: `s${pick(8)}` };
  const metadata = { ...of, labels: { round: 'yes' } };
  const calls = [
    () => client.create(SECRETS, { metadata }, never),
    () => client.remove(SECRETS, of, { signal: never }),
    () => client.patch(SECRETS, of, { metadata: { annotations: { n: String(pick(99)) } } }, never),
  ];
  const call = calls[pick(calls.length)];
  await call?.().catch((error: unknown) => {
    if (!(error instanceof KubernetesError)) throw error;
  });
  await world.sleep(pick(20_000));
}

test.each([1, 2, 3, 4])(
  'a view is right after everything that can happen (seed %i)',
  async (seed) => {
    const all = await both(seed);
    const { world, simulator, client } = all;
    const chance = seeded(seed);
    const view = client.view(SECRETS, { namespace: 'default', labels: { round: 'yes' } });
    const seen: string[] = [];
    view.onChange((of) => seen.push(of?.name ?? 'all'));
    const round = async () => {
      for (let n = 0; n < 60; n += 1) await happen(all, chance);
    };
    await world.finish(round(), { withinMs: 24 * 3_600_000 });
    simulator.faults.clear();
    await world.advance(150_000);
    const versions = (
      objects: readonly { metadata: { name: string; resourceVersion?: unknown } }[],
    ) =>
      objects
        .map(({ metadata }) => `${metadata.name} ${String(metadata.resourceVersion)}`)
        .toSorted();
    expect(versions(view.all())).toEqual(versions(simulator.objects.list('Secret')));
    expect(view.trouble).toBeUndefined();
    expect(seen.length).toBeGreaterThan(10);
    expect(client.watches()[0]?.restarts).toBeGreaterThan(3);
  },
);

test('a creation whose answer is lost made one object, and is answered by it', async () => {
  const { world, simulator, client } = await both(1);
  simulator.faults.add({ verb: 'create', kind: 'Secret', does: 'RESET', when: 'AFTER' });
  const metadata = { namespace: 'default', name: 'one', labels: { mine: 'yes' } };
  const made = await world.finish(client.create(SECRETS, { metadata }, never), LIMIT);
  expect(made.metadata.name).toBe('one');
  const again = world.finish(client.create(SECRETS, { metadata }, never), LIMIT);
  await expect(again).rejects.toMatchObject({ status: 409, reason: 'AlreadyExists' });
});

test('a field that the server does not know is refused, not dropped', async () => {
  const { world, client } = await both(1);
  const manifest = { metadata: { namespace: 'default', name: 'one' }, dada: {} };
  const call = world.finish(client.create(SECRETS, manifest, never), LIMIT);
  await expect(call).rejects.toMatchObject({ status: 400 });
});
