import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, type ServerResponse, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/**
 * Why no registry can be spoken to here, in one line; undefined when one can. Where one is
 * required (SNAPYARD_REQUIRE_REGISTRY=1, as in CI) its absence is an error.
 */
export function whyNoRegistry(): string | undefined {
  if (process.env['SNAPYARD_SKIP_REAL'] === '1') return 'SNAPYARD_SKIP_REAL is set';
  const missing = ['skopeo', 'docker-registry'].filter(
    (name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).error !== undefined,
  );
  if (missing.length === 0) return undefined;
  const why = `${missing.join(' and ')} missing ("apt-get install skopeo docker-registry")`;
  if (process.env['SNAPYARD_REQUIRE_REGISTRY'] === '1') {
    throw new Error(`SNAPYARD_REQUIRE_REGISTRY is set, but ${why}`);
  }
  console.log(why);
  return why;
}

/** One request that came by. */
export interface Seen {
  readonly method: string;
  readonly path: string;
}

/** A registry on this machine, and a door before it that counts, holds and changes. */
export interface RealRegistry {
  /** Where the door is: `127.0.0.1:41234`. */
  readonly host: string;
  readonly seen: Seen[];
  /** Blobs that were fetched through the door. */
  readonly fetched: () => string[];
  /** Uploads of blobs that were begun. */
  readonly uploads: () => number;
  /** Requests for which this is true are not answered, as by a line that is cut. */
  holdIf: (seen: Seen) => boolean;
  /** Resolves when a request is being held. */
  readonly held: () => Promise<void>;
  /** The file in which the registry keeps a blob. */
  readonly blobFile: (digest: string) => string;
  readonly close: () => Promise<void>;
}

/** Starts a registry with an empty store on a free port. */
export async function startRegistry(): Promise<RealRegistry> {
  const folder = mkdtempSync(join(tmpdir(), 'snapyard-registry-'));
  const store = join(folder, 'store');
  mkdirSync(store);
  const { child, port } = await startProcess(folder, store);
  const seen: Seen[] = [];
  let whenHeld = Promise.withResolvers<void>();
  const door = createServer((incoming, answer) => {
    const one = { method: incoming.method ?? '', path: incoming.url ?? '' };
    seen.push(one);
    if (!registry.holdIf(one)) return forward(port, incoming, answer);
    whenHeld.resolve();
  });
  const listening = Promise.withResolvers<void>();
  door.listen(0, '127.0.0.1', listening.resolve);
  await listening.promise;
  const isFetch = ({ method, path }: Seen) => method === 'GET' && path.includes('/blobs/sha256:');
  const registry: RealRegistry = {
    host: `127.0.0.1:${(door.address() as AddressInfo).port}`,
    seen,
    fetched: () => seen.filter(isFetch).map(({ path }) => path.slice(path.indexOf('sha256:'))),
    uploads: () => seen.filter((one) => one.method === 'POST').length,
    holdIf: () => false,
    held: () => {
      const { promise } = whenHeld;
      return promise.then(() => void (whenHeld = Promise.withResolvers()));
    },
    blobFile: (digest) => {
      const hex = digest.slice('sha256:'.length);
      return join(store, 'docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex, 'data');
    },
    close: async () => {
      door.closeAllConnections();
      await new Promise((resolve) => door.close(resolve));
      await stop(child);
      rmSync(folder, { recursive: true });
    },
  };
  return registry;
}

async function startProcess(
  folder: string,
  store: string,
): Promise<{ child: ChildProcess; port: number }> {
  const config = join(folder, 'config.json');
  const http = { addr: '127.0.0.1:0', secret: 'of this test' };
  const storage = { filesystem: { rootdirectory: store } };
  // JSON is YAML too.
  writeFileSync(config, JSON.stringify({ version: 0.1, log: { level: 'info' }, storage, http }));
  const child = spawn('docker-registry', ['serve', config], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  for await (const line of createInterface({ input: child.stderr })) {
    const [, port] = /listening on 127\.0\.0\.1:(\d+)/.exec(line) ?? [];
    if (port === undefined) continue;
    child.stderr.resume();
    return { child, port: Number(port) };
  }
  throw new Error('the registry has ended before it listened');
}

function forward(port: number, incoming: IncomingMessage, answer: ServerResponse): void {
  const { method, url: path, headers } = incoming;
  const onward = request({ host: '127.0.0.1', port, method, path, headers, agent: false });
  onward.on('response', (response) => {
    answer.writeHead(response.statusCode ?? 502, response.headers);
    response.pipe(answer);
  });
  onward.on('error', () => answer.destroy());
  answer.on('close', () => onward.destroy());
  incoming.pipe(onward);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGKILL');
  await ended;
}
