import { expect, it, vi } from 'vitest';
import { parseCursor } from '../../schema/model/cursor.ts';
import { realWorld } from '../../server/world.ts';
import { openWire, type Wire } from '../feed/wire/wire.ts';
import { WireReader } from '../feed/wire/wire-reader.ts';
import { until, WiredServer } from '../feed/wire/wired-server.ts';
import { seedsOf } from '../kit/campaign.ts';

/**
 * Readers that have stopped reading, and all the time something changes: the server lives, does
 * not grow, and whoever reads is told as before.
 */

vi.setConfig({ testTimeout: 3_600_000 });

const world = realWorld();
const { all: campaign } = seedsOf('feed', 1);
const [PAUSED, CHANGES, WARM_UP] = campaign ? [1_000, 100_000, 100_000] : [100, 3_000, 6_000];
const SESSIONS = 10;
const WRITERS = 4;
const MOST_GROWTH = 64 * 1_024 * 1_024;

const CLAIM = `mutation ($input: CreateSessionInput!) { createSession(input: $input) {
  ... on Session { id } } }`;

interface Claimed {
  readonly createSession: { readonly id: string };
}

async function claim(server: WiredServer, token: string, n: number): Promise<string> {
  const input = { pool: 'cks', ttlMinutes: 30, idempotencyKey: `paused-${n}` };
  const { createSession } = (await server.ask(CLAIM, token, { input })) as Claimed;
  return createSession.id;
}

/** Says everything several times: so even few changes fill the lines of those who do not read. */
const WIDE = `subscription { changes { __typename cursor prev ... on FeedChanges { changes {
  type id kind at from to cause reason actor
  ${Array.from({ length: 8 }, (_, n) => `s${n}: subject { ...Things }`).join(' ')}
} } } }
fragment Things on Subject {
  session { id version status owner createdAt expiresAt }
  clusterPool { id version name provider size createdAt }
}`;

/** Extends all sessions in one request; later each time, so that each is a change. */
function extensionOf(ids: readonly string[]): string {
  const fields = ids.map(
    (id, n) => `e${n}: extendSession(input: { sessionId: "${id}", minutes: 60 }) { __typename }`,
  );
  return `mutation { ${fields.join('\n')} }`;
}

/** What one reader that reads was told, and how long after its commit. */
class Healthy {
  seq = 0;
  told = 0;
  readonly faults: string[] = [];
  readonly #delays: number[] = [];
  #last: string | null = null;

  /** Reads on a line of its own, without end. */
  listen(origin: string, token: string): Wire {
    const query = `subscription { changes { __typename cursor prev
      ... on FeedChanges { changes { at } } } }`;
    return openWire(
      { origin, token },
      'WS',
      { query },
      {
        next: (data) => this.#take(data['changes'] as Told),
        errors: (text) => void this.faults.push(text),
        completed: () => void this.faults.push('completed'),
        gone: (code) => void this.faults.push(`gone with ${code}`),
      },
    );
  }

  /** The delays since the last time, as p50 and p99 in ms. */
  delays(): { p50: number; p99: number } {
    const sorted = this.#delays.splice(0).sort((a, b) => a - b);
    const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? 0;
    return { p50: at(0.5), p99: at(0.99) };
  }

  #take({ cursor, prev, changes = [] }: Told): void {
    if (prev !== this.#last) this.faults.push(`${cursor} follows ${prev}, not ${this.#last}`);
    this.#last = cursor;
    this.seq = parseCursor(cursor)?.seq ?? 0;
    this.told += changes.length;
    for (const { at } of changes) this.#delays.push(world.now() - Date.parse(at));
  }
}

interface Told {
  readonly cursor: string;
  readonly prev: string | null;
  readonly changes?: readonly { readonly at: string }[];
}

/** Makes so many changes, and waits until the healthy reader has all of them. */
async function change(
  server: WiredServer,
  make: () => Promise<unknown>,
  healthy: Healthy,
  n: number,
) {
  const upTo = healthy.seq + n;
  const write = async () => {
    while (healthy.seq < upTo) await make();
  };
  await Promise.all(Array.from({ length: WRITERS }, write));
  const token = { ...(await positionOf(server)) };
  await until(world, () => healthy.seq >= token.seq, 'the healthy reader has everything');
}

let asker = '';

async function positionOf(server: WiredServer): Promise<{ seq: number }> {
  const { cursor } = (await server.ask('{ cursor }', asker)) as { cursor: string };
  return { seq: parseCursor(cursor)?.seq ?? 0 };
}

/** Opens readers that stop reading as soon as they have been told the state. */
async function openPaused(server: WiredServer, token: string, count: number, codes: unknown[]) {
  const wires: Wire[] = [];
  const told = new Set<number>();
  for (let n = 0; n < count; n += 1) {
    const wire: Wire = openWire(
      { origin: server.origin, token },
      n % 2 === 0 ? 'WS' : 'SSE',
      { query: WIDE },
      {
        next() {
          wire.pause();
          told.add(n);
        },
        errors: (text) => void codes.push(text),
        completed: () => void codes.push('completed'),
        gone: (code) => void codes.push(code),
      },
    );
    wires.push(wire);
    if (n % 50 === 49)
      await until(world, () => told.size + codes.length > n - 10, 'they are paused');
  }
  await until(world, () => told.size + codes.length >= count, 'all are paused');
  expect(codes).toEqual([]);
  return wires;
}

const ignore = () => {};
const IGNORED = { next: ignore, errors: ignore, completed: ignore, gone: ignore };

const mib = (bytes: number) => Math.round(bytes / 1_024 / 1_024);

it(`${PAUSED} readers do not read ${CHANGES} changes, and nobody else is harmed`, async () => {
  const server = new WiredServer(world);
  const token = server.token('root', 'ADMIN');
  asker = server.token('asker', 'ADMIN');
  const wires: Wire[] = [];
  const codes: unknown[] = [];
  const healthy = new Healthy();
  const place = { origin: () => server.origin, world };
  const viewer = { name: 'root', role: 'ADMIN' } as const;
  const later = new WireReader(place, { viewer, token, transport: 'WS', wanted: {} });
  try {
    await server.start(SESSIONS);
    const { pid } = server.process;
    wires.push(healthy.listen(server.origin, token));
    const ids = [];
    for (let n = 0; n < SESSIONS; n += 1) ids.push(await claim(server, token, n));
    const extension = extensionOf(ids);
    const make = () => server.ask(extension, token);
    // One that reads what the paused ones asked for: its work belongs to the memory before.
    wires.push(openWire({ origin: server.origin, token }, 'SSE', { query: WIDE }, IGNORED));
    await change(server, make, healthy, WARM_UP);
    const before = { ...healthy.delays(), memory: server.memory() };
    wires.push(...(await openPaused(server, token, PAUSED, codes)));
    later.connect();
    await until(world, () => later.after !== undefined, 'one more has the state');
    later.pause();
    const opened = server.memory();
    await change(server, make, healthy, CHANGES);
    const after = { ...healthy.delays(), memory: server.memory() };
    later.drop();
    await until(world, () => parseCursor(later.after ?? '')?.seq === healthy.seq, 'it is level');
    console.info(
      `${PAUSED} paused readers, ${healthy.told} changes: memory ${mib(before.memory)} MiB, ` +
        `with readers ${mib(opened)}, at the end ${mib(after.memory)}; cut ${codes.length}; the ` +
        `healthy reader p50 ${before.p50} ms and p99 ${before.p99} ms without them, ` +
        `p50 ${after.p50} ms and p99 ${after.p99} ms with them`,
    );
    expect(healthy.faults).toEqual([]);
    expect(later.faults).toEqual([]);
    expect(server.process.pid).toBe(pid);
    expect(after.memory - opened).toBeLessThanOrEqual(MOST_GROWTH);
    expect(server.process.log()).not.toMatch(/"level":(50|60)/);
  } finally {
    later.leave();
    for (const wire of wires) wire.destroy();
    await server.close();
  }
});
