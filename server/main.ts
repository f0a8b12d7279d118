import { join } from 'node:path';
import pino, { type Logger } from 'pino';
import { DatabaseUnusable } from '../db/connection.ts';
import { openStore, type Store } from '../db/store.ts';
import type { Vault } from '../db/vault.ts';
import { schema } from '../schema/index.ts';
import type { ProviderKind } from '../schema/model/provider-kind.ts';
import { loopbackAuth, tokenAuth, UnsafeHost, type Auth } from './auth.ts';
import { ConfigurationError, readConfig, unknownSettings, type Config } from './config.ts';
import { createConsoles } from './consoles.ts';
import { createContexts } from './context.ts';
import { createControlPlane } from './control-plane.ts';
import { createFeed } from './feed.ts';
import { askTags } from './image-tags.ts';
import { Http } from './http/http.ts';
import { Hub } from './hub.ts';
import { createLoops } from './loops.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { openImages, openProviders } from './open-providers.ts';
import { ensurePools } from './pools-file.ts';
import type { FindTraits } from './pools.ts';
import type { ImageStore } from './providers/image-store.ts';
import { type Provider, ProviderError } from './providers/provider.ts';
import { forgetUnopened, openVault } from './secrets-key.ts';
import { watchTokens } from './token-file.ts';
import { logTransitions } from './transition-log.ts';
import { realWorld, type World } from './world.ts';

/**
 * The composition root: reads the settings, opens what there is, in the order in which each needs
 * the one before, and takes it down in the opposite order. `open-providers.ts` is the part of it
 * that picks providers.
 */

/** What stands below the API. */
interface Ground {
  readonly config: Config;
  readonly world: World;
  readonly log: Logger;
  readonly store: Store;
  /** What seals secrets and opens them. */
  readonly vault: Vault;
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
  const below = { config, world, log, installation: store.installation.id, say };
  const providers = await openProviders(below);
  const images = await openImages(below);
  const vault = await openSecrets(config, world, log, store);
  const ground = { config, world, log, store, vault, providers, images };
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
    vault,
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

/** Opens the vault; secrets of another key are forgotten, and obtained anew where they can be. */
async function openSecrets(
  config: Config,
  world: World,
  log: Logger,
  store: Store,
): Promise<Vault> {
  const { db, secretsKey } = config;
  const place = { named: secretsKey, own: `${db}.key` };
  const vault = openVault(place, world, (line) => log.warn(line));
  const forgotten = await forgetUnopened(store, vault);
  if (forgotten > 0) {
    const key = secretsKey ?? place.own;
    log.warn(`${key} is not the key of ${forgotten} secrets: sessions that run get new access`);
  }
  return vault;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function createHttp(ground: Ground, hub: Hub, findTraits: FindTraits, metrics: Metrics): Http {
  const { config, world, log, store, vault, images, providers } = ground;
  const fault = (error: unknown, about: string) => log.error({ err: error }, about);
  const imageTags = images && askTags(images, world, fault);
  const { saved: savedLimits, microDefaults } = config;
  const consoles = createConsoles({ store, world, provider: (kind) => providers.get(kind) });
  const desks = { vault, images, imageTags, consoles };
  const verbsFor = metrics.timing(
    createControlPlane({ store, findTraits, savedLimits, microDefaults, ...desks }),
  );
  const feedFor = createFeed({ store, world, hub });
  const contexts = createContexts({ store, world, verbsFor, feedFor });
  const folder = import.meta.url.endsWith('.ts') ? CLIENT_FOLDERS.ts : CLIENT_FOLDERS.js;
  const { host, port, origins } = config;
  const clientFolder = join(import.meta.dirname, folder);
  const settings = { host, port, origins, clientFolder };
  const auth = openAuth(config, log);
  return new Http({ world, log, schema, contexts, auth, settings, metrics, consoles });
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
