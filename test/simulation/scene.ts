import { lastSeq, trimChanges } from '../../db/change.ts';
import type { Store } from '../../db/store.ts';
import type { ControlPlane } from '../../schema/context.ts';
import { Refusal } from '../../schema/model/refusal.ts';
import type { Viewer } from '../../schema/model/viewer.ts';
import { randomFaults, type FaultPlan } from '../kit/faults.ts';
import { seeded } from '../kit/seeded.ts';
import { openYard, type Crashed, type Yard, type YardOptions } from '../kit/yard.ts';
import { Ledger, type Call, type Wish } from './ledger.ts';
import { Mortal } from './mortal.ts';

/** Somebody's wish, and how it is asked. What is lost with a server may be asked of the next. */
export interface Request {
  readonly told: string;
  readonly wish: Wish;
  readonly viewer: Viewer;
  readonly ask: (verbs: ControlPlane) => Promise<unknown>;
}

/** What stands in the place of the store, as a planted bug does. */
export type WrapStore = (store: Store) => Store;

/** How many times faster than reality things happen outside. */
const SPEED = 30;

/** The longest that a request or an answer is under way. */
const SLOWEST_MS = 300;

/** Rows of the log that are trimmed in one transaction. */
const TRIMMED_AT_ONCE = 200;

/**
 * One server after the other on the same database and the same world outside, and the network
 * before it: what is asked and what is answered may be late, and the answer of a server that has
 * died never comes.
 */
export class Scene {
  readonly ledger = new Ledger();
  readonly faults: FaultPlan;
  /** What should never have happened, whoever noticed it. */
  readonly wrong: string[] = [];
  /** What the last death left without an answer. */
  lost: Request[] = [];
  deaths = 0;
  /** The position up to which the log has been checked: what lies behind it is not trimmed. */
  checkedTo = 0;
  readonly random: () => number;
  readonly #seed: number;
  readonly #wrapStore: WrapStore;
  readonly #requests = new Map<Call, Request>();
  #mortal: Mortal;
  #yard: Yard;
  #left: Crashed | undefined;

  constructor(seed: number, wrapStore: WrapStore = (store) => store) {
    this.#seed = seed;
    this.#wrapStore = wrapStore;
    this.random = seeded(seed);
    this.faults = randomFaults({ seed, probability: seed % 3 === 0 ? 0 : 0.02 });
    this.#mortal = this.#newMortal();
    this.#yard = openYard(this.#options(this.#mortal));
    this.#begin();
  }

  /** The server as it is now. */
  get yard(): Yard {
    return this.#yard;
  }

  /** The process; it may be made to die. */
  get process(): Mortal {
    return this.#mortal;
  }

  /** Sends a request over the network. */
  send(request: Request): Call {
    const call = this.ledger.ask(request.wish);
    this.#requests.set(call, request);
    const { viewer, ask } = request;
    const [yard, mortal] = [this.#yard, this.#mortal];
    const answer = (given: unknown) =>
      this.#later(yard, () => void (mortal.isDead || this.ledger.answer(call, given)));
    const fail = (error: unknown) => {
      if (error instanceof Refusal) answer(error);
      else this.wrong.push(`${request.told}: ${String(error)}`);
    };
    this.#later(yard, () => void ask(yard.as(viewer.name, viewer.role)).then(answer, fail));
    return call;
  }

  /** Lets time pass; answers whether the server died, and another one was started. */
  async pass(ms: number): Promise<boolean> {
    await this.#yard.world.advance(ms);
    this.wrong.push(...this.#yard.faults.splice(0), ...this.#mortal.tooLarge.splice(0));
    if (this.#left === undefined) return false;
    this.#restart(this.#left);
    await this.#yard.world.settle();
    return true;
  }

  /** Forgets the beginning of the log but for so many rows, as if it were old. */
  trim(keep: number): void {
    const trimmed = this.#yard.store.transact((tx) => {
      const keepRows = Math.max(keep, lastSeq(tx.db) - this.checkedTo);
      trimChanges(tx, { keepMs: 0, keepRows }, TRIMMED_AT_ONCE);
    });
    trimmed.catch((error: unknown) => this.wrong.push(String(error)));
  }

  async close(): Promise<void> {
    if (this.#left !== undefined) this.#restart(this.#left);
    await this.#yard.close();
  }

  #restart(left: Crashed): void {
    this.#left = undefined;
    this.deaths += 1;
    this.lost = this.ledger.lose().flatMap((call) => this.#requests.get(call) ?? []);
    this.#mortal = this.#newMortal();
    this.#yard = left.open(this.#options(this.#mortal));
    this.#begin();
  }

  #begin(): void {
    this.wrong.push(...this.ledger.attach(this.#yard.store));
    this.#yard.loops.start();
  }

  #newMortal(): Mortal {
    return new Mortal(() => {
      this.#left = this.#yard.kill();
    });
  }

  #options(mortal: Mortal): YardOptions {
    return {
      seed: this.#seed,
      shuffle: true,
      speed: SPEED,
      faults: this.faults,
      wrapStore: (store) => mortal.store(this.#wrapStore(store)),
      wrapProvider: (provider) => mortal.provider(provider),
    };
  }

  /** Half of what is sent arrives at once, so that much comes in the same turn. */
  #later({ world }: Yard, arrive: () => void): void {
    if (this.random() < 0.5) arrive();
    else world.after(this.random() * SLOWEST_MS, arrive);
  }
}
