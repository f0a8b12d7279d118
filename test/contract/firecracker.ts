import { capabilitiesOf } from '../../server/providers/vm-host/provider.ts';
import { DEFAULT_VM_HOST_SETTINGS } from '../../server/providers/vm-host/settings.ts';
import { INSTALLATION, fakeFirecracker, firecrackerOn } from '../kit/firecracker.ts';
import { stepOf } from '../kit/simulator.ts';
import type { Bench, ProviderUnderTest } from './under-test.ts';

/** Firecracker's API, filled by a program of ours that runs no machine. */
export function fakeFirecrackerUnderTest(): ProviderUnderTest {
  return {
    name: 'FIRECRACKER (a fake program)',
    missing: null,
    capabilities: capabilitiesOf(DEFAULT_VM_HOST_SETTINGS, { capturesRunning: true }),
    template: 'micro',
    interruptions: [0, 40],
    open: openBench,
  };
}

async function openBench(): Promise<Bench> {
  const fake = fakeFirecracker();
  let provider = await firecrackerOn(fake);
  return {
    get provider() {
      return provider;
    },
    installation: INSTALLATION,
    wait: (promise) => promise,
    abortAfter: (ms) => AbortSignal.timeout(ms),
    // What a process that is killed leaves behind is tested with a process that is.
    restart: async () => {
      await provider.close();
      provider = await firecrackerOn(fake);
    },
    close: async () => {
      const step = stepOf(Number.MAX_SAFE_INTEGER);
      for (const object of await provider.list(step.signal)) {
        await provider.ensureGone(object, step);
      }
      await provider.close();
      fake.close();
    },
  };
}
