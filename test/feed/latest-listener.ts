import type { Operation } from '../../server/http/operation.ts';
import type { Listener } from './reader.ts';
import { askLatest, type Latest, type ThingJson, typeOf } from './question.ts';
import type { Servers } from './servers.ts';
import { isSame } from './told.ts';

/**
 * Checks a subscription to the latest state of one thing, or of all of a kind in a pool: never
 * back in time, the last state in the end, and complete after a final one.
 */
export class LatestListener implements Listener {
  readonly faults: string[] = [];
  readonly watches: Latest;
  /** Each thing as it was told last on this connection. */
  readonly told = new Map<string, ThingJson>();
  /** The server has said that nothing can follow. */
  isOver = false;
  /** What it was to watch is gone, for good or with an older database. */
  isGone = false;
  readonly #servers: Servers;
  #epoch: string | undefined;
  /** The highest versions told under this epoch, over all connections. */
  readonly #versions = new Map<string, number>();
  #trimmedAtBegin = 0;

  constructor(servers: Servers, watches: Latest) {
    this.#servers = servers;
    this.watches = watches;
  }

  ask(): Operation | undefined {
    return this.isOver || this.isGone ? undefined : askLatest(this.watches);
  }

  begin(): void {
    const { epoch } = this.#servers.store.installation;
    this.told.clear();
    // In a database that was put back the same thing is younger.
    if (epoch !== this.#epoch) this.#versions.clear();
    this.#epoch = epoch;
    this.#trimmedAtBegin = this.#servers.trimmedUpTo();
  }

  take(data: Record<string, unknown>): void {
    const thing = data[this.watches.field] as ThingJson | undefined;
    if (thing === undefined) return void this.faults.push('L: told what others asked');
    const before = this.#versions.get(thing.id) ?? 0;
    if (thing.version < before)
      this.faults.push(`L: ${thing.id} goes back from ${before} to ${thing.version}`);
    this.#versions.set(thing.id, thing.version);
    this.told.set(thing.id, thing);
  }

  refused(messages: string): boolean {
    this.isGone = /not found|no (pool|session|job)|there is no/i.test(messages);
    return this.isGone;
  }

  completed(): void {
    this.isOver = true;
    const isFinal = [...this.told.values()].every(({ state }) => FINAL.includes(state));
    if (!isFinal)
      this.faults.push(
        `L: completed before a final state: ${JSON.stringify([...this.told.values()])}`,
      );
  }

  end(): void {}

  paused(): void {}

  /** What is wrong when all is quiet. */
  wrongAtEnd(): string[] {
    const type = typeOf(this.watches);
    if (this.#epoch !== this.#servers.store.installation.epoch) return [];
    const now = this.#servers.everything();
    // Of what has gone a reader is not told that comes again, or was behind what is kept.
    const hasMissed = this.#servers.trimmedUpTo() > this.#trimmedAtBegin;
    const wrong: string[] = [];
    for (const [id, thing] of now) {
      if (thing.type !== type || !this.#watches(id, thing.poolId)) continue;
      const told = this.told.get(id);
      if (!thing.isPresent && (told === undefined || hasMissed)) continue;
      if (told === undefined || !isSame(told, thing))
        wrong.push(`L: ${id} was told as ${JSON.stringify(told)}, is ${JSON.stringify(thing)}`);
      const isFinal = 'id' in this.watches && FINAL.includes(thing.state);
      if (isFinal && !this.isOver) wrong.push(`L: ${id} is final, but not completed`);
    }
    return wrong;
  }

  #watches(id: string, poolId: string): boolean {
    if ('id' in this.watches) return id === this.watches.id;
    const name = 'pool' in this.watches ? this.watches.pool : this.watches.name;
    return poolId === this.#servers.poolId(name);
  }
}

const FINAL = ['COMPLETED', 'FAILED', 'SUCCEEDED', 'CANCELLED'];
