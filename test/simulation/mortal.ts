import { prepared } from '../../db/connection.ts';
import type { Store } from '../../db/store.ts';
import type { Tx } from '../../db/tx.ts';
import type { Provider } from '../../server/providers/provider.ts';
import { withTransact } from '../kit/with-transact.ts';

/** What no transaction may write more of. */
const MOST_WRITES = 256;

const writesSoFar = prepared((db) => db.$client.prepare('SELECT total_changes()').pluck());

/**
 * A process that may die at any moment: at the so-many-th commit or call of a provider from now,
 * before or after it, or between any two turns of its promises. What it still runs after its
 * death reaches nobody: no commit, no answer.
 */
export class Mortal {
  /** Transactions that wrote more rows than any may. */
  readonly tooLarge: string[] = [];
  readonly #onDeath: () => void;
  #isDead = false;
  #pointsLeft = Infinity;

  constructor(onDeath: () => void) {
    this.#onDeath = onDeath;
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  die(): void {
    if (this.#isDead) return;
    this.#isDead = true;
    this.#onDeath();
  }

  /** Dies at this point of those that it will pass, the next being the first. */
  dieAtPoint(number: number): void {
    this.#pointsLeft = number;
  }

  /** Dies when the promises that are ready now have had so many turns. */
  async dieAfterTurns(number: number): Promise<void> {
    for (let turn = 0; turn < number; turn += 1) await Promise.resolve();
    this.die();
  }

  /** The store as this process has it. */
  store(store: Store): Store {
    const transact: Store['transact'] = (body) =>
      this.#pass(() => store.transact((tx) => this.#counted(tx, body)));
    return withTransact(store, transact);
  }

  /** The provider as this process has it. */
  provider(provider: Provider): Provider {
    const p = provider;
    return {
      ...provider,
      look: (...args) => this.#pass(() => p.look(...args)),
      list: (...args) => this.#pass(() => p.list(...args)),
      ensureCluster: (...args) => this.#pass(() => p.ensureCluster(...args)),
      wake: (...args) => this.#pass(() => p.wake(...args)),
      ensureReset: (...args) => this.#pass(() => p.ensureReset(...args)),
      ensureSet: (...args) => this.#pass(() => p.ensureSet(...args)),
      mark: (...args) => this.#pass(() => p.mark(...args)),
      ensureGone: (...args) => this.#pass(() => p.ensureGone(...args)),
    };
  }

  /** A call with a point before it and one after it, whatever comes of it. */
  async #pass<T>(call: () => Promise<T>): Promise<T> {
    this.#reach();
    if (this.#isDead) return never();
    try {
      return await call();
    } finally {
      this.#reach();
      // A dead process does not even fail.
      if (this.#isDead) await never();
    }
  }

  #reach(): void {
    this.#pointsLeft -= 1;
    if (this.#pointsLeft === 0) this.die();
  }

  #counted<T>(tx: Tx, body: (tx: Tx) => T): T {
    const count = () => Number(writesSoFar(tx.db).get());
    const before = count();
    const result = body(tx);
    const written = count() - before;
    if (written > MOST_WRITES) this.tooLarge.push(`a transaction wrote ${written} rows`);
    return result;
  }
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}
