import { seeded } from '../kit/seeded.ts';
import { BODIES } from './hostile-bodies.ts';
import { BOMBS } from './hostile-bombs.ts';
import type { Chance, Hostile } from './hostile-chance.ts';

const MAKERS = Object.entries({ ...BOMBS, ...BODIES });

/** Makes the document of a seed; the same for the same seed. */
export function hostileDocument(seed: number): Hostile {
  const random = seeded(seed);
  const chance: Chance = {
    int: (least, most) => least + Math.floor(random() * (most - least + 1)),
    pick: (items) => {
      const item = items[Math.floor(random() * items.length)];
      if (item === undefined) throw new Error('nothing to pick from');
      return item;
    },
  };
  const [kind, make] = chance.pick(MAKERS);
  const made = make(chance);
  return typeof made === 'string'
    ? { kind, body: JSON.stringify({ query: made }) }
    : { kind, ...made };
}
