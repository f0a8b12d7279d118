import type { Store } from '../../db/store.ts';

/** The same store, with another way to run transactions. */
export function withTransact(store: Store, transact: Store['transact']): Store {
  return {
    installation: store.installation,
    transact,
    read: (body) => store.read(body),
    lease: (...asked) => store.lease(...asked),
    onCommit: (listener) => store.onCommit(listener),
    head: () => store.head(),
    close: () => store.close(),
  };
}
