import { KUBEVIRT_CAPABILITIES } from '../../server/providers/kubevirt/provider.ts';
import type { Provider } from '../../server/providers/provider.ts';
import { realWorld } from '../../server/world.ts';
import { processIn } from '../kit/process-world.ts';
import { providerBefore, VirtualKubernetes } from '../kit/virtual-kubernetes.ts';
import type { Bench, ProviderUnderTest } from './under-test.ts';

const INSTALLATION = 'contract-installation';

/** Longer than any step may take. */
const withinMs = 6 * 3_600_000;

/** Moments in a creation or reset: disks are filled, or guests waited for. */
const INTERRUPTIONS = [15_000, 240_000];

/** Guests empty `/tmp` when they boot. */
const FILE = '/var/tmp/left-behind';

/** Real machines take their time, several times a test. */
const REAL_PATIENCE_MS = 2 * 3_600_000;

/** The provider before the Kubernetes simulator, in virtual time over real sockets. */
export function kubevirtUnderTest(kubevirt: { major: number; minor: number }): ProviderUnderTest {
  return {
    name: `KubeVirt ${kubevirt.major}.${kubevirt.minor}, simulated`,
    missing: null,
    capabilities: KUBEVIRT_CAPABILITIES,
    template: 'two-node',
    interruptions: INTERRUPTIONS,
    file: FILE,
    open: () => openSimulated(kubevirt),
  };
}

/** The provider before the API server that `SNAPYARD_TEST_KUBECONFIG` names. */
export function realKubevirtUnderTest(): ProviderUnderTest {
  const kubeconfig = process.env['SNAPYARD_TEST_KUBECONFIG'] ?? '';
  return {
    name: 'KubeVirt, real',
    missing: kubeconfig === '' ? 'SNAPYARD_TEST_KUBECONFIG names no cluster' : null,
    capabilities: KUBEVIRT_CAPABILITIES,
    template: 'two-node',
    interruptions: [0, 60_000],
    file: FILE,
    patienceMs: REAL_PATIENCE_MS,
    open: () => Promise.resolve(openReal(kubeconfig)),
  };
}

async function openSimulated(kubevirt: { major: number; minor: number }): Promise<Bench> {
  const bench = await VirtualKubernetes.open({ seed: 1, kubevirt });
  const { world } = bench;
  const { tokens } = bench.kubernetes;
  const killed: Provider[] = [];
  let life = 0;
  const start = () => {
    const token = `life-${(life += 1)}`;
    tokens.clear();
    tokens.add(token);
    const process = processIn(world);
    const of = { world: process, installation: INSTALLATION };
    return { process, provider: providerBefore(bench.kubeconfig(token), of) };
  };
  let present = start();
  return {
    get provider() {
      return present.provider;
    },
    installation: INSTALLATION,
    wait: (promise) => bench.done(promise, withinMs),
    abortAfter: (ms) => {
      const controller = new AbortController();
      world.after(ms, () => controller.abort(new Error('interrupted')));
      return controller.signal;
    },
    restart: async () => {
      present.process.kill();
      killed.push(present.provider);
      present = start();
      await world.settle();
    },
    close: async () => {
      for (const each of [...killed, present.provider]) await bench.done(each.close());
      await bench.close();
    },
  };
}

function openReal(kubeconfig: string): Bench {
  const world = realWorld();
  const of = { world, installation: INSTALLATION };
  let provider = providerBefore(kubeconfig, of);
  return {
    get provider() {
      return provider;
    },
    installation: INSTALLATION,
    wait: (promise) => promise,
    abortAfter: (ms) => AbortSignal.timeout(ms),
    restart: async () => {
      await provider.close();
      provider = providerBefore(kubeconfig, of);
    },
    close: async () => {
      const { signal } = new AbortController();
      const fence = Number.MAX_SAFE_INTEGER;
      const step = {
        signal,
        deadline: world.now() + withinMs,
        fence,
        installation: INSTALLATION,
        progress: () => undefined,
        notes: new Map<string, string>(),
        note: () => Promise.resolve(),
      };
      for (const object of await provider.list(signal)) await provider.ensureGone(object, step);
      await provider.close();
    },
  };
}
