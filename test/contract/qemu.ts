import { INSTALLATION, qemuOn, stateFolder, tearDown, whyNoVms } from '../kit/qemu.ts';
import { capabilitiesOf } from '../../server/providers/vm-host/provider.ts';
import { DEFAULT_VM_HOST_SETTINGS } from '../../server/providers/vm-host/settings.ts';
import type { Bench, ProviderUnderTest } from './under-test.ts';

/** Real VMs, one small guest a cluster, where this host can have them. */
export async function qemuUnderTest(): Promise<ProviderUnderTest> {
  return {
    name: 'QEMU',
    missing: await whyNoVms(),
    capabilities: capabilitiesOf(DEFAULT_VM_HOST_SETTINGS, {
      capturesRunning: true,
      fits: true,
      streams: ['SERIAL', 'VNC'],
    }),
    hasSerialShell: true,
    template: 'micro',
    interruptions: [0, 700],
    open: openBench,
  };
}

async function openBench(): Promise<Bench> {
  const folder = stateFolder();
  let provider = await qemuOn(folder);
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
      provider = await qemuOn(folder);
    },
    close: () => tearDown(provider, folder),
  };
}
