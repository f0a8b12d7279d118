import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Bug } from '../ports.ts';

/** Bugs below the feed: of what wakes it, and of what is on the disk. */

/** Some commits wake nobody. */
export const lostWakeUp: Bug = {
  name: 'lost wake-up',
  breaks: 'W11',
  plant: (random) => ({
    wakes: (store) => ({
      onCommit: (listener) =>
        store.onCommit(() => {
          if (random() < 0.5) listener();
        }),
    }),
  }),
};

/** What was committed last is not on the disk when the power fails. */
export const visibleBeforeDurable: Bug = {
  name: 'visible before durable',
  breaks: 'W1',
  plant: () => ({
    disk(store, folder) {
      const copies = [join(folder, 'before'), join(folder, 'last')];
      for (const copy of copies) mkdirSync(copy);
      let commits = 0;
      store.onCommit(() => {
        commits += 1;
        copyAll(folder, copies[commits % 2] ?? folder);
      });
      return { left: () => (commits < 2 ? folder : (copies[(commits + 1) % 2] ?? folder)) };
    },
  }),
};

function copyAll(from: string, to: string): void {
  for (const name of ['feed.db', 'feed.db-wal']) {
    if (existsSync(join(from, name))) copyFileSync(join(from, name), join(to, name));
  }
}
