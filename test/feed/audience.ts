import { parseGlobalId } from '../../schema/global-id.ts';
import { formatCursor, parseCursor } from '../../schema/model/cursor.ts';
import type { Viewer } from '../../schema/model/viewer.ts';
import { PEOPLE } from '../kit/history.ts';
import { ADMIN, viewer } from '../kit/store.ts';
import { ChangesListener } from './changes-listener.ts';
import { LatestListener } from './latest-listener.ts';
import type { Latest, Wanted } from './question.ts';
import { Reader } from './reader.ts';
import type { Servers } from './servers.ts';
import { wrongAtEnd } from './told.ts';

const [ADA = '', BEN = '', CYD = ''] = PEOPLE;
const WATCHER = viewer('watcher', 'VIEWER');

/** One kind of readers of `changes`, and how many there are at first. */
interface Kind {
  readonly count: number;
  readonly viewer: Viewer;
  readonly document: 'FULL' | 'BARE';
  readonly wanted: Wanted;
}

const KINDS: readonly Kind[] = [
  { count: 3, viewer: ADMIN, document: 'FULL', wanted: {} },
  { count: 1, viewer: ADMIN, document: 'BARE', wanted: { pool: 'cks' } },
  { count: 2, viewer: viewer(ADA), document: 'FULL', wanted: {} },
  { count: 1, viewer: viewer(BEN), document: 'FULL', wanted: {} },
  { count: 1, viewer: viewer(BEN), document: 'BARE', wanted: { types: ['SESSION', 'CLUSTER'] } },
  { count: 1, viewer: viewer(CYD), document: 'BARE', wanted: { pool: 'cks', types: ['JOB'] } },
  { count: 2, viewer: WATCHER, document: 'FULL', wanted: {} },
  { count: 1, viewer: WATCHER, document: 'BARE', wanted: { types: ['SNAPSHOT', 'SESSION'] } },
];

const WATCHED: readonly (readonly [Viewer, Latest])[] = [
  [ADMIN, { field: 'clusterUpdated', pool: 'cks' }],
  [ADMIN, { field: 'clusterUpdated', pool: 'cks' }],
  [WATCHER, { field: 'vmHandleUpdated', pool: 'cks' }],
  [viewer(ADA), { field: 'clusterPoolUpdated', name: 'cks' }],
  [WATCHER, { field: 'snapshotUpdated', pool: 'cks' }],
];

/** Slow readers need so many milliseconds for a batch. */
const PACES = [0, 0, 0, 30, 400];
const MOST_READERS = 30;

type ChangesReader = Reader & { readonly listener: ChangesListener };
type LatestReader = Reader & { readonly listener: LatestListener };

/** All readers of a run. */
export class Audience {
  readonly #servers: Servers;
  readonly #random: () => number;
  readonly #changes: ChangesReader[] = [];
  readonly #latest: LatestReader[] = [];

  constructor(servers: Servers, random: () => number) {
    this.#servers = servers;
    this.#random = random;
  }

  get messages(): number {
    return this.#changes.reduce((sum, { listener }) => sum + listener.messages, 0);
  }

  get resyncs(): number {
    return this.#changes.reduce((sum, { listener }) => sum + listener.resyncs, 0);
  }

  faults(): string[] {
    return this.#all.flatMap(({ listener }) => listener.faults);
  }

  /** Most are there from the beginning. */
  async assemble(): Promise<void> {
    for (const kind of KINDS) {
      for (let n = 0; n < kind.count; n += 1) this.#add(kind);
    }
    for (const [who, watches] of WATCHED) this.#watch(who, watches);
    for (const reader of this.#all) if (this.#random() < 0.8) reader.connect();
    await this.#servers.world.settle();
  }

  /** Something that one reader does. */
  disturbance(tell: (text: string) => void): () => void {
    const what = this.#random();
    if (what < 0.1) return () => this.#newcomer();
    if (what < 0.13) return () => this.#forge(this.#some(this.#changes));
    if (what < 0.16) return () => this.#demote(this.#some(this.#changes), tell);
    if (what < 0.2) return () => this.#double(this.#some(this.#changes));
    const reader = this.#some(this.#all);
    const isFull = this.#random() < 0.5;
    const pace = this.#some(PACES) ?? 0;
    return () => {
      if (reader === undefined) return;
      if (!reader.isConnected) this.#connect(reader, pace);
      else if (what < 0.5) reader.drop();
      else if (reader.isPaused) reader.resume();
      else reader.pause(isFull);
    };
  }

  /** The cursor of one who is to come again. */
  someCursor(): string | undefined {
    const waiting = this.#changes.filter(({ isConnected }) => !isConnected);
    return this.#some(waiting)?.listener.after;
  }

  /** The server is dead. */
  lose(): void {
    for (const reader of this.#all) reader.lose();
  }

  leave(): void {
    for (const reader of this.#all) reader.drop();
  }

  /** Everybody reads. */
  rest(): void {
    for (const reader of this.#all) reader.rest();
  }

  checkAtEnd(): void {
    const now = this.#servers.everything();
    for (const { listener, viewer, isConnected } of this.#changes) {
      if (!isConnected) listener.faults.push('W11: has lost its connection');
      const { wanted } = listener;
      const poolId = wanted.pool === undefined ? undefined : this.#servers.poolId(wanted.pool);
      const wrong = wrongAtEnd(listener.state, now, { viewer, wanted, poolId });
      listener.faults.push(...wrong.map((one) => `W11: ${one}`));
    }
    for (const { listener } of this.#latest) {
      if (!listener.isGone) listener.faults.push(...listener.wrongAtEnd());
    }
  }

  get #all(): Reader[] {
    return [...this.#changes, ...this.#latest];
  }

  #some<One>(list: readonly One[]): One | undefined {
    return list[Math.floor(this.#random() * list.length)];
  }

  #add({ viewer, document, wanted }: Kind, pace = 0): ChangesReader {
    const listener = new ChangesListener(this.#servers, document, wanted);
    const reader = Object.assign(new Reader(this.#servers, viewer, listener), { listener });
    reader.pace = pace;
    this.#changes.push(reader);
    return reader;
  }

  #watch(who: Viewer, watches: Latest): LatestReader {
    const listener = new LatestListener(this.#servers, watches);
    const reader = Object.assign(new Reader(this.#servers, who, listener), { listener });
    this.#latest.push(reader);
    return reader;
  }

  #connect(reader: Reader, pace: number): void {
    reader.pace = pace;
    reader.connect();
  }

  /** One more of a kind that is there already, or one who watches what was claimed last. */
  #newcomer(): void {
    if (this.#servers.isDown || this.#changes.length + this.#latest.length > MOST_READERS) return;
    const kind = this.#some(KINDS);
    if (kind !== undefined && this.#random() < 0.5) return this.#add(kind).connect();
    const found = [...this.#servers.everything()].filter(
      ([, { type, isPresent }]) => isPresent && (type === 'SESSION' || type === 'JOB'),
    );
    const [id, thing] = this.#some(found) ?? [];
    if (id === undefined || thing === undefined || parseGlobalId(id) === undefined) return;
    const field = thing.type === 'JOB' ? 'jobUpdated' : 'sessionUpdated';
    this.#watch(thing.owner === null ? ADMIN : viewer(thing.owner), { field, id }).connect();
  }

  /** Somebody comes with a cursor of the future. */
  #forge(reader: ChangesReader | undefined): void {
    const cursor = parseCursor(reader?.listener.after ?? '');
    if (reader === undefined || reader.isConnected || cursor === undefined) return;
    reader.listener.after = formatCursor({ ...cursor, seq: cursor.seq + 1_000_000 });
    reader.connect();
  }

  /** Somebody loses a right, and comes again where it was. */
  #demote(reader: ChangesReader | undefined, tell: (text: string) => void): void {
    if (reader === undefined || reader.viewer.role === 'VIEWER' || this.#servers.isDown) return;
    const role = reader.viewer.role === 'ADMIN' ? 'USER' : 'VIEWER';
    const name = reader.viewer.role === 'ADMIN' ? ADA : reader.viewer.name;
    tell(`a ${reader.viewer.role} becomes ${role} ${name}`);
    reader.drop();
    reader.viewer = { name, role };
    const things = this.#servers.everything();
    reader.listener.loseSight(reader.viewer, (id) => things.get(id)?.owner ?? undefined);
    reader.connect();
  }

  /** A second line with the cursor of the first. */
  #double(reader: ChangesReader | undefined): void {
    if (reader?.listener.after === undefined || this.#changes.length > MOST_READERS) return;
    const { viewer, listener } = reader;
    const { wanted, document } = listener;
    const twin = this.#add({ count: 1, viewer, document, wanted });
    twin.listener.after = listener.after;
    for (const [id, thing] of listener.state) twin.listener.state.set(id, thing);
    twin.connect();
  }
}
