import type {
  ClusterRef,
  Provider,
  ResetResult,
  SetRef,
} from '../../../../server/providers/provider.ts';
import { clusterRef, idle, setRef, stepOf, type TestStep } from '../../../kit/simulator.ts';
import {
  providerBefore,
  VirtualKubernetes,
  type VirtualKubernetesOptions,
} from '../../../kit/virtual-kubernetes.ts';
import type { VirtualWorld } from '../../../kit/virtual-world.ts';
import type { KubernetesSimulator } from '../../../kubernetes/simulator.ts';

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
export async function openOutside(options: VirtualKubernetesOptions = {}): Promise<Outside> {
  const bench = await VirtualKubernetes.open(options);
  const { world, kubernetes } = bench;
  const lines: string[] = [];
  const log = (line: string) => void lines.push(line);
  const provider = providerBefore(bench.kubeconfig(), { world, installation: INSTALLATION, log });
  const close = async () => {
    await bench.done(provider.close());
    await bench.close();
  };
  return wordsFor({ world, kubernetes, provider, lines, close });
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
