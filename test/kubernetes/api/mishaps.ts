import { z } from 'zod';
import type { Mishaps } from '../ports.ts';
import { isLike } from './glob.ts';
import type { Kinds } from './kinds.ts';
import type { Store } from './store.ts';

/** The label by which an object brings a mishap upon itself; a dot stands between several. */
const MISHAP_LABEL = 'simulator.snapyard.io/mishap';

const MISHAP = z.strictObject({
  name: z.string().min(1),
  /** Which objects; stars stand for anything. */
  namespace: z.string().optional(),
  object: z.string().optional(),
  /** How often; 0 for always. */
  times: z.int().nonnegative().default(1),
});

/** The mishaps that were asked for by name, or by a label of an object. */
export class KnownMishaps implements Mishaps {
  readonly #store: Store;
  readonly #kinds: Kinds;
  #planned: { readonly mishap: z.output<typeof MISHAP>; struck: number }[] = [];

  constructor(store: Store, kinds: Kinds) {
    this.#store = store;
    this.#kinds = kinds;
  }

  /** Plans a mishap; answers how to take it back. */
  add(mishap: unknown): () => void {
    const planned = { mishap: MISHAP.parse(mishap), struck: 0 };
    this.#planned.push(planned);
    return () => {
      this.#planned = this.#planned.filter((one) => one !== planned);
    };
  }

  /** Takes all back; those by label stay. */
  clear(): void {
    this.#planned = [];
  }

  strikes(name: string, object: { namespace?: string | undefined; name: string }): boolean {
    for (const planned of this.#planned) {
      const { mishap, struck } = planned;
      if (mishap.name !== name || (mishap.times > 0 && struck >= mishap.times)) continue;
      if (!isLike(mishap.namespace, object.namespace ?? '')) continue;
      if (!isLike(mishap.object, object.name)) continue;
      planned.struck += 1;
      return true;
    }
    return this.#isLabelled(name, object);
  }

  #isLabelled(mishap: string, object: { namespace?: string | undefined; name: string }): boolean {
    return this.#kinds.all.some(({ kind, namespaced }) => {
      const namespace = namespaced ? object.namespace : undefined;
      const label = this.#store.get(kind, namespace, object.name)?.metadata.labels?.[MISHAP_LABEL];
      return label?.split('.').includes(mishap) === true;
    });
  }
}
