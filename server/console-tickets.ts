import { createHash } from 'node:crypto';
import { requestError } from '../schema/request-error.ts';
import type { ConsoleGrant } from './console-grant.ts';
import type { World } from './world.ts';

/** How long a ticket is good for. */
const GOOD_FOR_MS = 60_000;
const SECRET_BYTES = 32;

/** How many unused tickets there may be; beyond its own, a viewer's oldest gives way. */
const MOST_OF_VIEWER = 8;
const MOST_TICKETS = 1_000;

interface Kept {
  readonly grant: ConsoleGrant;
  /** By the clock that never goes back. */
  readonly goodUntil: number;
}

/**
 * The tickets to consoles that are out and unused. Only their hashes are kept, and only in memory:
 * a restart forgets them, and whoever held one asks for another.
 */
export class ConsoleTickets {
  readonly #world: Pick<World, 'now' | 'elapsed' | 'secret'>;
  /** The oldest first, for all are good for the same time. */
  readonly #kept = new Map<string, Kept>();

  constructor(world: Pick<World, 'now' | 'elapsed' | 'secret'>) {
    this.#world = world;
  }

  /** How many are out. */
  get size(): number {
    this.#forgetOld();
    return this.#kept.size;
  }

  /** Makes a ticket; it is known to whoever gets the answer, and nobody else. */
  issue(grant: ConsoleGrant): { readonly ticket: string; readonly expiresAt: number } {
    this.#forgetOld();
    this.#makeRoomFor(grant.viewer.name);
    if (this.#kept.size >= MOST_TICKETS) {
      throw requestError('UNAVAILABLE', 'too many console tickets are unused; try again later');
    }
    const ticket = this.#world.secret(SECRET_BYTES);
    this.#kept.set(hashOf(ticket), { grant, goodUntil: this.#world.elapsed() + GOOD_FOR_MS });
    return { ticket, expiresAt: this.#world.now() + GOOD_FOR_MS };
  }

  /** What a ticket is good for, once; undefined for one that is unknown, used or too old. */
  redeem(ticket: string): ConsoleGrant | undefined {
    const hash = hashOf(ticket);
    const kept = this.#kept.get(hash);
    this.#kept.delete(hash);
    return kept !== undefined && this.#isGood(kept) ? kept.grant : undefined;
  }

  #isGood({ goodUntil }: Kept): boolean {
    return this.#world.elapsed() < goodUntil;
  }

  #forgetOld(): void {
    for (const [hash, kept] of this.#kept) {
      if (this.#isGood(kept)) return;
      this.#kept.delete(hash);
    }
  }

  #makeRoomFor(name: string): void {
    const own = [...this.#kept].filter(([, { grant }]) => grant.viewer.name === name);
    if (own.length < MOST_OF_VIEWER) return;
    for (const [hash] of own.slice(0, own.length - MOST_OF_VIEWER + 1)) this.#kept.delete(hash);
  }
}

function hashOf(ticket: string): string {
  return createHash('sha256').update(ticket).digest('base64');
}
