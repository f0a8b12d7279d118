import type { Store } from '../../db/store.ts';
import type { Provider } from '../../server/providers/provider.ts';
import { withTransact } from './with-transact.ts';

/**
 * Points at which a process may be killed: before and after every call of a provider and every
 * commit, those of notes and progress too. They are not written into the code; the ports that the
 * loops and verbs are given tell of them.
 */
export class Failpoints {
  readonly #reach: (point: string) => void;

  /** Tells `reach` of each point as it is reached. */
  constructor(reach: (point: string) => void) {
    this.#reach = reach;
  }

  /** The store, telling of its commits by the place in the code that asked for them. */
  store(store: Store): Store {
    const transact: Store['transact'] = async (body) => {
      const point = `commit of ${caller()}`;
      this.#reach(`before ${point}`);
      const result = await store.transact(body);
      this.#reach(`after ${point}`);
      return result;
    };
    return withTransact(store, transact);
  }

  /** The provider, telling of the calls by which it changes the world or looks at it. */
  provider(provider: Provider): Provider {
    const p = provider;
    return {
      ...provider,
      look: (...args) => this.#call('look', () => p.look(...args)),
      list: (...args) => this.#call('list', () => p.list(...args)),
      ensureCluster: (...args) => this.#call('ensureCluster', () => p.ensureCluster(...args)),
      wake: (...args) => this.#call('wake', () => p.wake(...args)),
      access: (...args) => this.#call('access', () => p.access(...args)),
      ensureReset: (...args) => this.#call('ensureReset', () => p.ensureReset(...args)),
      ensureSet: (...args) => this.#call('ensureSet', () => p.ensureSet(...args)),
      mark: (...args) => this.#call('mark', () => p.mark(...args)),
      ensureGone: (...args) => this.#call('ensureGone', () => p.ensureGone(...args)),
    };
  }

  async #call<T>(name: string, call: () => Promise<T>): Promise<T> {
    this.#reach(`before ${name}`);
    const result = await call();
    this.#reach(`after ${name}`);
    return result;
  }
}

/** The innermost two functions of the server that asked for a commit. */
function caller(): string {
  const lines = new Error('who').stack?.split('\n') ?? [];
  const frames = lines.flatMap((line) => {
    const match = /at (?:async )?(.*?) ?\(?(?:file:\/\/)?[^ (]*\/((?:server|db)\/[^:]+)/.exec(line);
    return match === null ? [] : [`${match[2]} ${match[1]}`.trim()];
  });
  return frames.slice(0, 2).join(' < ') || 'a test';
}
