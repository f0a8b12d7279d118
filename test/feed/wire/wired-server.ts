import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Role } from '../../../schema/model/viewer.ts';
import { newToken, readTokens, writeTokens } from '../../../server/token-file.ts';
import type { World } from '../../../server/world.ts';
import { ServerProcess } from '../../kit/server-process.ts';

const WITHIN_MS = 120_000;

/** Waits until something holds; throws when it does not come true. */
export async function until(
  world: World,
  holds: () => Promise<boolean> | boolean,
  what: string,
): Promise<void> {
  const since = world.elapsed();
  while (!(await holds())) {
    if (world.elapsed() - since > WITHIN_MS) throw new Error(`has not come true: ${what}`);
    await world.sleep(20);
  }
}

/** The real server with a file of tokens and one pool, at a place where it is found again. */
export class WiredServer {
  readonly #world: World;
  readonly #folder = mkdtempSync(join(tmpdir(), 'snapyard-wire-'));
  readonly #tokens = join(this.#folder, 'tokens');
  #process: ServerProcess | undefined;

  constructor(world: World) {
    this.#world = world;
    writeTokens(this.#tokens, []);
  }

  get process(): ServerProcess {
    if (this.#process === undefined) throw new Error('there is no server yet');
    return this.#process;
  }

  get origin(): string {
    return this.process.origin;
  }

  /** Starts it, with so many clusters. */
  async start(size: number): Promise<void> {
    const pools = join(this.#folder, 'pools.yaml');
    const pool = { name: 'cks', provider: 'SIMULATOR', size, whenEmpty: 'QUEUE' };
    writeFileSync(pools, JSON.stringify([pool]));
    this.#process = new ServerProcess(this.#folder, {
      SNAPYARD_PORT: String(await freePort()),
      SNAPYARD_POOLS: pools,
      SNAPYARD_TOKENS: this.#tokens,
      SNAPYARD_SIMULATOR_SPEED: '20000',
    });
    await this.#process.start();
  }

  /** Makes a token. */
  token(name: string, role: Role): string {
    const { token, entry } = newToken(this.#world, name, role);
    writeTokens(this.#tokens, [...readTokens(this.#tokens), entry]);
    return token;
  }

  /** Strikes a token out. */
  revoke(name: string): void {
    const left = readTokens(this.#tokens).filter((entry) => entry.name !== name);
    writeTokens(this.#tokens, left);
  }

  /** Asks a query or a mutation. */
  async ask(query: string, token: string, variables: object = {}): Promise<unknown> {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
    const body = JSON.stringify({ query, variables });
    const response = await fetch(`${this.origin}/graphql`, { method: 'POST', headers, body });
    const { data, errors } = (await response.json()) as { data?: unknown; errors?: unknown };
    if (errors !== undefined) throw new Error(JSON.stringify(errors));
    return data;
  }

  /** Memory that it holds at present, in bytes; Linux only. */
  memory(): number {
    const status = readFileSync(`/proc/${this.process.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1_024;
  }

  async close(): Promise<void> {
    await this.#process?.kill().catch(() => undefined);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A port that is free now: servers that follow each other are found at the same place. */
function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0));
    });
  });
}
