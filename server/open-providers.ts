import { join } from 'node:path';
import type { Logger } from 'pino';
import type { ProviderKind } from '../schema/model/provider-kind.ts';
import { ConfigurationError, type Config } from './config.ts';
import { firecrackerAvailability } from './providers/firecracker/availability.ts';
import type { ImageStore } from './providers/image-store.ts';
import {
  kubevirtAvailability,
  type KubevirtAvailability,
} from './providers/kubevirt/availability.ts';
import { DEFAULT_KUBEVIRT_SETTINGS } from './providers/kubevirt/settings.ts';
import type { Provider } from './providers/provider.ts';
import { qemuAvailability } from './providers/qemu/availability.ts';
import { createQemuImageStore } from './providers/qemu/image-store.ts';
import { createQemuProvider } from './providers/qemu/provider.ts';
import { createSimulator } from './providers/simulator/simulator.ts';
import type { World } from './world.ts';

/** The part of the composition root that picks providers; nobody but `main.ts` imports it. */

/** What providers are opened with. */
export interface Below {
  readonly config: Config;
  readonly world: World;
  readonly log: Logger;
  /** The installation whose objects outside they see. */
  readonly installation: string;
  /** Tells people who start the server by hand a line. */
  readonly say: (line: string) => void;
}

/** Every provider that this host can have. */
export async function openProviders(below: Below): Promise<ReadonlyMap<ProviderKind, Provider>> {
  const { config, world, installation } = below;
  const providers = new Map<ProviderKind, Provider>();
  const worldFile = `${config.db}.simulator`;
  const simulator = createSimulator({ world, ...config.simulator, worldFile, installation });
  providers.set('SIMULATOR', simulator);
  const others = [openQemu, openFirecracker, openKubevirt];
  for (const open of others) {
    const provider = await open(below);
    if (provider !== undefined) providers.set(provider.kind, provider);
  }
  return providers;
}

/** Where images of VMs are kept; undefined where this host can have no VMs. */
export async function openImages({ config, world, log }: Below): Promise<ImageStore | undefined> {
  if (process.platform !== 'linux') return undefined;
  return createQemuImageStore({
    world,
    stateDir: config.state,
    imageDir: imageDirOf(config),
    catalogue: config.images.catalogue,
    exchange: exchangeOf(config),
    log: (line) => log.info(line),
    settings: { accel: config.qemu.accel },
  });
}

function imageDirOf({ state }: Config): string {
  return join(state, 'images');
}

function exchangeOf({ registry, diskSizeBytes, images }: Config) {
  const { repository, allowed, authFile, pullLimitBytes } = registry;
  const transferMs = images.pullMs;
  return { repository, allowed, authFile, pullLimitBytes, diskSizeBytes, transferMs };
}

/** Where there is an account for a cluster; the cluster itself is asked when a pool uses it. */
async function openKubevirt(below: Below): Promise<Provider | undefined> {
  const { config, world, log, installation } = below;
  const availability = findAccount(config.kubevirt.access);
  if (!availability.available) return undefined;
  const settings = { ...DEFAULT_KUBEVIRT_SETTINGS, ...config.kubevirt.settings };
  // With what it needs it is large: others do not load it.
  const { createKubevirtProvider } = await import('./providers/kubevirt/provider.ts');
  const { account } = availability;
  log.info({ account }, 'KUBEVIRT pools may be made');
  return createKubevirtProvider({
    world,
    installation,
    settings,
    log: (line) => log.info(line),
  });
}

function findAccount(access: Config['kubevirt']['access']): KubevirtAvailability {
  try {
    return kubevirtAvailability(access);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigurationError(`SNAPYARD_KUBECONFIG: ${access.named} cannot be read: ${reason}`);
  }
}

/** Real VMs where this host can have them; where not, one line says how to get them. */
async function openQemu(below: Below): Promise<Provider | undefined> {
  const { config, world, log, installation, say } = below;
  const { usePrebuilt, repository, tag } = config.registry;
  const imageDir = imageDirOf(config);
  const fetches = usePrebuilt && repository !== undefined;
  const availability = await qemuAvailability({ imageDir, fetches });
  if (!availability.available) {
    say(`No real VMs here: ${availability.why}. To get them: ${availability.fix}`);
    return undefined;
  }
  return createQemuProvider({
    world,
    stateDir: config.state,
    imageDir,
    installation,
    prebuilt: { wanted: usePrebuilt, repository, tag, exchange: exchangeOf(config) },
    log: (line) => log.info(line),
    snapshotDir: config.qemu.snapshotPath,
    settings: { accel: config.qemu.accel },
  });
}

/** Few machines have it: what is missing is told only where it was asked for. */
async function openFirecracker(below: Below): Promise<Provider | undefined> {
  const { config, world, log, installation, say } = below;
  const imageDir = imageDirOf(config);
  const { binary } = config.firecracker;
  const availability = await firecrackerAvailability({ imageDir, binary });
  if (!availability.available) {
    const { why, fix } = availability;
    if (binary !== undefined) say(`No Firecracker VMs here: ${why}. To get them: ${fix}`);
    return undefined;
  }
  const { createFirecrackerProvider } = await import('./providers/firecracker/provider.ts');
  const { snapshotPath } = config.qemu;
  return createFirecrackerProvider({
    world,
    // A folder of its own: each provider locks its own.
    stateDir: join(config.state, 'firecracker'),
    imageDir,
    installation,
    log: (line) => log.info(line),
    snapshotDir: snapshotPath === undefined ? undefined : join(snapshotPath, 'firecracker'),
    settings: binary === undefined ? {} : { binary },
  });
}
