import { ProviderError } from '../provider.ts';
import { listNames, setFolder } from './folders.ts';
import type { Host } from './host.ts';
import { type MemoryProofs, manifestFile, readSet } from './set-store.ts';

/**
 * Compares the memory of every set with what was captured, one after the other, before somebody
 * waits for a VM that is made of it. What is damaged is told; whoever takes it is refused then.
 */
export async function proveSets(
  host: Host,
  proofs: MemoryProofs,
  isOver: () => boolean,
): Promise<void> {
  const { folders } = host;
  for (const id of listNames(folders.sets)) {
    const set = readSet(folders, id);
    // Nobody can tell whose it is: it is neither used nor removed.
    if (set === null) host.log(`${manifestFile(setFolder(folders, id))} describes no set of ours`);
    for (const snapshot of set?.snapshots ?? []) {
      if (isOver()) return;
      await proofs.prove(setFolder(folders, id), snapshot).catch((error: unknown) => {
        host.log(error instanceof ProviderError ? error.reason : String(error));
      });
    }
  }
}
