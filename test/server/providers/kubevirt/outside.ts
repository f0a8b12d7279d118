// Loaded before virtual time begins, which does not wait for modules.
import '@kubernetes/client-node';
import 'ssh2';
import 'undici';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createKubevirtProvider } from '../../../../server/providers/kubevirt/provider.ts';
import { DEFAULT_KUBEVIRT_SETTINGS } from '../../../../server/providers/kubevirt/settings.ts';
import type {
  ClusterRef,
  Provider,
  ResetResult,
  SetRef,
} from '../../../../server/providers/provider.ts';
import { watchLoopback } from '../../../kit/loopback.ts';
import { clusterRef, idle, setRef, stepOf, type TestStep } from '../../../kit/simulator.ts';
import { virtualWorld, type VirtualWorld } from '../../../kit/virtual-world.ts';
import {
  openKubernetesSimulator,
  type KubernetesSimulator,
  type KubernetesSimulatorOptions,
} from '../../../kubernetes/simulator.ts';

const INSTALLATION = 'installation-1';
const WITHIN_MS = 3 * 3_600_000;
const LEFT = '/home/left-behind';

/** A provider before a Kubernetes simulator, and the words in which tests of ladders speak. */
export interface Outside {
  readonly world: VirtualWorld;
  readonly kubernetes: KubernetesSimulator;
  readonly provider: Provider;
  /** What the provider logged. */
  readonly lines: string[];
  done<T>(promise: Promise<T>): Promise<T>;
  /** A step as a worker with this fence makes it. */
  step(fence: number, options?: Parameters<typeof stepOf>[1]): TestStep;
  /** A cluster that runs, with a set of its own. */
  golden(name: string): Promise<{ ref: ClusterRef; set: SetRef }>;
  dirty(ref: ClusterRef): Promise<void>;
  isClean(ref: ClusterRef): Promise<boolean>;
  reset(ref: ClusterRef, set: SetRef, by: TestStep): Promise<ResetResult>;
  /** Names of objects of a kind in a namespace. */
  names(kind: string, namespace: string): string[];
  /** A signal that is aborted after so long. */
  abortAfter(ms: number): AbortSignal;
  close(): Promise<void>;
}

/** Opens a cluster outside with nothing in it, and a provider that leads to it. */
export async function openOutside(
  options: Omit<KubernetesSimulatorOptions, 'world'> = {},
): Promise<Outside> {
  // Modules that are loaded on first use: virtual time does not see that somebody waits for them.
  await Promise.all([import('undici'), import('@kubernetes/client-node')]);
  const loopback = watchLoopback();
  const world = virtualWorld({ seed: options.seed ?? 1, isBusy: () => loopback.isBusy() });
  const kubernetes = await openKubernetesSimulator({ ...options, world });
  const folder = mkdtempSync(join(tmpdir(), 'snapyard-outside-'));
  const kubeconfig = join(folder, 'config');
  writeFileSync(kubeconfig, kubernetes.kubeconfig());
  const lines: string[] = [];
  const provider = createKubevirtProvider({
    world,
    settings: { ...DEFAULT_KUBEVIRT_SETTINGS, kubeconfig },
    installation: INSTALLATION,
    log: (line) => void lines.push(line),
  });
  const close = async () => {
    await done(provider.close());
    await done(kubernetes.close());
    loopback.close();
    rmSync(folder, { recursive: true });
  };
  return wordsFor({ world, kubernetes, provider, lines, close });

  function done<T>(promise: Promise<T>): Promise<T> {
    return world.finish(promise, { withinMs: WITHIN_MS });
  }
}

type Opened = Pick<Outside, 'world' | 'kubernetes' | 'provider' | 'lines' | 'close'>;

function wordsFor(opened: Opened): Outside {
  const { world, kubernetes, provider } = opened;
  const done = <T>(promise: Promise<T>) => world.finish(promise, { withinMs: WITHIN_MS });
  const step: Outside['step'] = (fence, given = {}) =>
    stepOf(fence, { installation: INSTALLATION, ...given });
  const inBoth = async (ref: ClusterRef, argv: readonly string[]) => {
    const { signal } = new AbortController();
    return await done(
      Promise.all(
        ref.vms.map(({ role }) =>
          provider.run({ cluster: ref, role }, argv, { stdin: 'secret', signal }),
        ),
      ),
    );
  };
  return {
    ...opened,
    done,
    step,
    golden: async (name) => {
      const ref = clusterRef(name);
      await done(provider.ensureCluster(ref, { kind: 'IMAGE' }, step(1)));
      const set = setRef(ref, 1, 'CLUSTER');
      await done(provider.ensureSet(idle(ref), set, 'OFFLINE', step(1)));
      return { ref, set };
    },
    dirty: async (ref) => void (await inBoth(ref, ['sudo', 'tee', LEFT])),
    isClean: async (ref) => {
      const answers = await inBoth(ref, ['sudo', 'cat', LEFT]);
      return answers.every(({ exitCode }) => exitCode === 1);
    },
    reset: (ref, set, by) => done(provider.ensureReset(ref, set, by)),
    names: (kind, namespace) =>
      kubernetes.objects
        .list(kind, { namespace })
        .map(({ metadata }) => metadata.name)
        .toSorted(),
    abortAfter: (ms) => {
      const controller = new AbortController();
      world.after(ms, () => controller.abort(new Error('interrupted')));
      return controller.signal;
    },
  };
}
