import { join } from 'node:path';
import pino, { type Logger } from 'pino';
import { DatabaseUnusable } from '../db/connection.ts';
import { openStore, type Store } from '../db/store.ts';
import { schema } from '../schema/index.ts';
import type { ProviderKind } from '../schema/model/provider-kind.ts';
import { loopbackAuth, tokenAuth, UnsafeHost, type Auth } from './auth.ts';
import { ConfigurationError, readConfig, unknownSettings, type Config } from './config.ts';
import { createContexts } from './context.ts';
import { createControlPlane } from './control-plane.ts';
import { createFeed } from './feed.ts';
import { askTags } from './image-tags.ts';
import { Http } from './http/http.ts';
import { Hub } from './hub.ts';
import { createLoops } from './loops.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { ensurePools } from './pools-file.ts';
import type { FindTraits } from './pools.ts';
import type { ImageStore } from './providers/image-store.ts';
import { type Provider, ProviderError } from './providers/provider.ts';
import {
  kubevirtAvailability,
  type KubevirtAvailability,
} from './providers/kubevirt/availability.ts';
import { DEFAULT_KUBEVIRT_SETTINGS } from './providers/kubevirt/settings.ts';
import { firecrackerAvailability } from './providers/firecracker/availability.ts';
import { qemuAvailability } from './providers/qemu/availability.ts';
import { createQemuProvider } from './providers/qemu/provider.ts';
import { createSimulator } from './providers/simulator/simulator.ts';
import { watchTokens } from './token-file.ts';
import { logTransitions } from './transition-log.ts';
import { realWorld, type World } from './world.ts';

/**
 * The composition root: reads the settings, opens what there is, in the order in which each needs
 * the one before, and takes it down in the opposite order. The only place that picks providers.
 */

/** What stands below the API. */
interface Ground {
  readonly config: Config;
  readonly world: World;
  readonly log: Logger;
  readonly store: Store;
  readonly providers: ReadonlyMap<ProviderKind, Provider>;
  /** Where images of VMs are kept; undefined where this host cannot have any. */
  readonly images: ImageStore | undefined;
}

/** Answers to SIGTERM within this time, whatever happens. */
const STOP_WITHIN_MS = 9_500;

/** The built dashboard: beside the sources in a checkout, beside `server` when compiled. */
const CLIENT_FOLDERS = { ts: '../dist/client', js: '../client' } as const;

/** What the operating system says that people can mend: ports, addresses, places for files. */
const MENDABLE = 'EADDRINUSE EADDRNOTAVAIL ENOTFOUND EACCES EPERM ENOTDIR EROFS ENOSPC'.split(' ');

await run();

async function run(): Promise<void> {
  try {
    const config = readConfig();
    await serve(config, openLog(config));
  } catch (error) {
    if (!isExpected(error)) throw error;
    process.stderr.write(`snapyard: ${error.message}\n`);
    // Not by itself: what was opened before it failed would keep the process.
    process.exit(1);
  }
}

/** What people can mend is told in one line; anything else is a bug and shows its stack. */
function isExpected(error: unknown): error is Error {
  const expected = [ConfigurationError, DatabaseUnusable, UnsafeHost, ProviderError];
  if (expected.some((kind) => error instanceof kind)) return true;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return MENDABLE.includes(code);
}

/** Lines of JSON on standard error: standard output is for people. */
function openLog(config: Config): Logger {
  return pino({ level: config.logLevel, base: null }, pino.destination({ fd: 2, sync: false }));
}

async function serve(config: Config, log: Logger): Promise<void> {
  const world = realWorld();
  const store = openStore(config.db, world);
  const providers = await openProviders(config, world, log, store);
  const images = openImages();
  const ground = { config, world, log, store, providers, images };
  const findTraits: FindTraits = (kind) => providers.get(kind)?.capabilities;
  if (store.installation.wasPutBack) {
    log.warn('the database was put back since the last server: earlier cursors are not resumed');
  }
  for (const name of unknownSettings()) log.warn(`${name} is not a setting of this version`);
  const catalogue = images?.catalogue();
  for (const line of await ensurePools(store, config, findTraits, catalogue)) log.warn(line);
  const stopLines = logTransitions(store, log);
  const loops = createLoops({
    store,
    world,
    provider: (kind) => providers.get(kind),
    images,
    imageDeadlines: config.images,
    fault: (error, about) => log.error({ err: error }, about),
  });
  const hub = new Hub(store, world);
  const feed = { readers: () => hub.readers, slowest: () => hub.slowest };
  const metrics = createMetrics({ store, world, feed });
  const http = createHttp(ground, hub, findTraits, metrics);
  const address = await http.listen();
  loops.start();
  http.markReady();
  say(`Snapyard is ready: ${address} (playground: ${address}/playground)`);
  onSignal(ground, async () => {
    await http.stop();
    metrics.close();
    hub.close();
    await loops.stop();
    stopLines();
    await Promise.all([...providers.values()].map((provider) => provider.close()));
    await store.close();
  });
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function openProviders(
  config: Config,
  world: World,
  log: Logger,
  store: Store,
): Promise<ReadonlyMap<ProviderKind, Provider>> {
  const providers = new Map<ProviderKind, Provider>();
  const installation = store.installation.id;
  const worldFile = `${config.db}.simulator`;
  providers.set(
    'SIMULATOR',
    createSimulator({ world, ...config.simulator, worldFile, installation }),
  );
  const qemu = await openQemu(config, world, log, installation);
  if (qemu !== undefined) providers.set('QEMU', qemu);
  const firecracker = await openFirecracker(config, world, log, installation);
  if (firecracker !== undefined) providers.set('FIRECRACKER', firecracker);
  const kubevirt = await openKubevirt(config, world, log, installation);
  if (kubevirt !== undefined) providers.set('KUBEVIRT', kubevirt);
  return providers;
}

/** Where there is an account for a cluster; the cluster itself is asked when a pool uses it. */
async function openKubevirt(
  { kubevirt }: Config,
  world: World,
  log: Logger,
  installation: string,
): Promise<Provider | undefined> {
  const availability = findAccount(kubevirt.access);
  if (!availability.available) return undefined;
  const settings = { ...DEFAULT_KUBEVIRT_SETTINGS, ...kubevirt.settings };
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
async function openQemu(
  config: Config,
  world: World,
  log: Logger,
  installation: string,
): Promise<Provider | undefined> {
  const imageDir = join(config.state, 'images');
  const availability = await qemuAvailability({ imageDir });
  if (!availability.available) {
    say(`No real VMs here: ${availability.why}. To get them: ${availability.fix}`);
    return undefined;
  }
  return createQemuProvider({
    world,
    stateDir: config.state,
    imageDir,
    installation,
    log: (line) => log.info(line),
    snapshotDir: config.qemu.snapshotPath,
    settings: { accel: config.qemu.accel },
  });
}

/** Few machines have it: what is missing is told only where it was asked for. */
async function openFirecracker(
  { state, qemu, firecracker: { binary } }: Config,
  world: World,
  log: Logger,
  installation: string,
): Promise<Provider | undefined> {
  const imageDir = join(state, 'images');
  const availability = await firecrackerAvailability({ imageDir, binary });
  if (!availability.available) {
    const { why, fix } = availability;
    if (binary !== undefined) say(`No Firecracker VMs here: ${why}. To get them: ${fix}`);
    return undefined;
  }
  const { createFirecrackerProvider } = await import('./providers/firecracker/provider.ts');
  const { snapshotPath } = qemu;
  return createFirecrackerProvider({
    world,
    // A folder of its own: each provider locks its own.
    stateDir: join(state, 'firecracker'),
    imageDir,
    installation,
    log: (line) => log.info(line),
    snapshotDir: snapshotPath === undefined ? undefined : join(snapshotPath, 'firecracker'),
    settings: binary === undefined ? {} : { binary },
  });
}

/** No provider of this host keeps images yet. */
function openImages(): ImageStore | undefined {
  return undefined;
}

function createHttp(ground: Ground, hub: Hub, findTraits: FindTraits, metrics: Metrics): Http {
  const { config, world, log, store, images } = ground;
  const fault = (error: unknown, about: string) => log.error({ err: error }, about);
  const imageTags = images && askTags(images, world, fault);
  const verbsFor = metrics.timing(
    createControlPlane({ store, findTraits, savedLimits: config.saved, images, imageTags }),
  );
  const feedFor = createFeed({ store, world, hub });
  const contexts = createContexts({ store, world, verbsFor, feedFor });
  const folder = import.meta.url.endsWith('.ts') ? CLIENT_FOLDERS.ts : CLIENT_FOLDERS.js;
  const { host, port, origins } = config;
  const clientFolder = join(import.meta.dirname, folder);
  const settings = { host, port, origins, clientFolder };
  const auth = openAuth(config, log);
  return new Http({ world, log, schema, contexts, auth, settings, metrics });
}

function openAuth(config: Config, log: Logger): Auth {
  if (config.tokens === undefined) return loopbackAuth();
  const failed = (error: unknown) => log.error({ err: error }, 'the tokens cannot be read');
  try {
    return tokenAuth(watchTokens(config.tokens, failed));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigurationError(`SNAPYARD_TOKENS: ${reason}`);
  }
}

/** Takes everything down at the first signal; at a second, or when it takes too long, at once. */
function onSignal({ world, log }: Ground, takeDown: () => Promise<void>): void {
  let stopping = false;
  const stop = (signal: string) => {
    if (stopping) process.exit(1);
    stopping = true;
    log.info({ signal }, 'stopping');
    world.after(STOP_WITHIN_MS, () => process.exit(1));
    takeDown().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ err: error }, 'could not stop cleanly');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}
