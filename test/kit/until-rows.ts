import type { Store } from '../../db/store.ts';
import type { VirtualWorld } from './virtual-world.ts';

/**
 * Lets time pass until the rows are so. They are asked again only when something was committed:
 * a long wait has many more moments than commits.
 */
export async function untilRows(
  { store, world }: { readonly store: Store; readonly world: VirtualWorld },
  are: () => boolean,
  withinMs: number,
): Promise<void> {
  let isNew = true;
  const stop = store.onCommit(() => {
    isNew = true;
  });
  const holds = () => {
    if (!isNew) return false;
    isNew = false;
    return are();
  };
  try {
    await world.runUntil(holds, { withinMs });
  } finally {
    stop();
  }
}
