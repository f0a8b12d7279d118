import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { firecrackerAvailability } from '../../server/providers/firecracker/availability.ts';
import { capabilitiesOf } from '../../server/providers/vm-host/provider.ts';
import { DEFAULT_VM_HOST_SETTINGS } from '../../server/providers/vm-host/settings.ts';
import { buildBase } from '../../server/providers/vm-host/image/build.ts';
import { ourPrograms } from '../../server/providers/vm-host/image/foundation.ts';
import { findImage } from '../../server/providers/vm-host/image-manifest.ts';
import { realWorld } from '../../server/world.ts';
import { INSTALLATION, fakeFirecracker, firecrackerOn } from '../kit/firecracker.ts';
import type { FirecrackerPlace } from '../kit/firecracker.ts';
import { stepOf } from '../kit/simulator.ts';
import type { Bench, ProviderUnderTest } from './under-test.ts';

/** Where tests of real VMs keep the image they build; git does not see it. */
const IMAGES = resolve(import.meta.dirname, '../../.images');

/** Firecracker's API, filled by a program of ours that runs no machine. */
export function fakeFirecrackerUnderTest(): ProviderUnderTest {
  return {
    name: 'FIRECRACKER (a fake program)',
    missing: null,
    capabilities: capabilitiesOf(DEFAULT_VM_HOST_SETTINGS, { capturesRunning: true }),
    template: 'micro',
    interruptions: [40],
    open: openFake,
  };
}

/** Real VMs of Firecracker, on a host that has KVM and for whom the program is named. */
export async function realFirecrackerUnderTest(): Promise<ProviderUnderTest> {
  return {
    ...fakeFirecrackerUnderTest(),
    name: 'FIRECRACKER',
    missing: await whyNotReal(),
    interruptions: [0, 100],
    open: () => openReal(),
  };
}

async function whyNotReal(): Promise<string | null> {
  const binary = process.env['SNAPYARD_TEST_FIRECRACKER'] ?? '';
  if (binary === '') return 'SNAPYARD_TEST_FIRECRACKER names no program';
  if (findImage(IMAGES, 'base')?.programs !== ourPrograms()) await buildBase(realWorld(), IMAGES);
  const found = await firecrackerAvailability({ imageDir: IMAGES, binary });
  return found.available ? null : `${found.why} (${found.fix})`;
}

async function openReal(): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), 'fcr-'));
  const binary = process.env['SNAPYARD_TEST_FIRECRACKER'] ?? '';
  const place = { binary, imageDir: IMAGES, stateDir: folder };
  return openBench(place, () => rmSync(folder, { recursive: true }));
}

async function openFake(): Promise<Bench> {
  const fake = fakeFirecracker();
  return openBench(fake, () => fake.close());
}

async function openBench(place: FirecrackerPlace, remove: () => void): Promise<Bench> {
  let provider = await firecrackerOn(place);
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
      provider = await firecrackerOn(place);
    },
    close: async () => {
      const step = stepOf(Number.MAX_SAFE_INTEGER);
      for (const object of await provider.list(step.signal)) {
        await provider.ensureGone(object, step);
      }
      await provider.close();
      remove();
    },
  };
}
